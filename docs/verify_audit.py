#!/usr/bin/env python3
"""Says whether a bundle of the audit log is intact, with Python's own library and OpenSSL 3 alone (docs/decisions/0030).

    python3 verify_audit.py BUNDLE KEY...

BUNDLE is a directory that `taskctl audit export --format bundle` wrote of the whole log. A KEY is a line NAME+ID+BASE64 that comes
from elsewhere: who makes a bundle can put any key into it. Stops at the first thing that is wrong, with exit code 1.
"""

import collections, datetime, hashlib, json, os, pathlib, re, subprocess, sys, tempfile
from base64 import b64decode, b64encode

CHECKPOINT = re.compile(r"(.+)\n(\d+)\n(.+)\nnumber (\d+)\nprevious (.+)\nfrom (.+)\nto (.+)\nat (.+)\n"
                        r"quarantined \d+\nunknown-actors \d+\n((?:key [0-9a-f]{8}\n)+)")  # fmt: skip
SIGNATURE = re.compile(r"— ([^\x00- ]+) (\S+)\n")
EXPORT = {"action", "actor", "eventId", "export", "schema", "time"}
DER = bytes.fromhex("302a300506032b6570032100")  # what an Ed25519 key begins with (RFC 8410)
MINUTE = datetime.timedelta(minutes=1)
SOON = datetime.datetime.now(datetime.timezone.utc) + 5 * MINUTE  # clocks differ

def demand(truth, what):
    truth or sys.exit(f"NOT INTACT: {what}")

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def unbase64(text):
    demand(b64encode(content := b64decode(text)).decode() == text, f"{text!r} is no Base64")
    return content

def is_signed(text, key, signature):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in ("key", DER + key), ("text", text), ("signature", signature):
            pathlib.Path(folder, name).write_bytes(content)
        openssl = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -in text -sigfile signature"
        return subprocess.run(openssl.split(), cwd=folder, capture_output=True).returncode == 0

def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))

def members(pairs):
    found = dict(pairs)
    demand(len(found) == len(pairs), "a name stands twice in one object")
    return found

def integer(text):
    demand(str(number := int(text)) == text and -(2**63) <= number < 2**64, f"{text} is no integer of 64 bits")
    return number

parse = json.JSONDecoder(object_pairs_hook=members, parse_int=integer, parse_float=integer, parse_constant=integer).decode
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode

def regular(path):  # a pipe keeps its reader waiting, and a link leads to what nobody handed over
    demand(path.is_file() and not path.is_symlink(), f"{path}: it is not there, or is no regular file")
    return path

def read(path):
    return regular(path).read_bytes().decode()

def names(folder):
    demand(not folder.is_symlink(), f"{folder}: it is no directory")
    return sorted(os.listdir(folder))

def read_key(line):
    """Returns a key's id, its name, and the key itself."""
    name, id, content = line.split("+", 2)
    key = unbase64(content)
    demand((id, len(key), key[:1]) == (sha(name.encode(), b"\n", key)[:4].hex(), 33, b"\1"), f"{line!r} is no key")
    return id, name, key[1:]

def read_seals(bundle, keys):
    """Returns the leaves that are sealed, the number of checkpoints, and the last one's log, minute and time."""
    sealed, subtrees, size, previous, end = set(), [], 0, "none", None
    count = len(names(bundle / "checkpoints"))
    demand(names(bundle / "checkpoints") == [f"{n:010}" for n in range(1, count + 1)] != [], "a checkpoint is not there, or twice")
    demand(names(bundle / "manifests") == [f"{n:010}.json" for n in range(1, count + 1)], "not one manifest for each checkpoint")
    for number in range(1, count + 1):
        text, _, lines = read(bundle / f"checkpoints/{number:010}").rpartition("\n\n")
        said = CHECKPOINT.fullmatch(text := text + "\n")
        origin, total, root, own, before, start, to, at, ids = said.groups()
        found = SIGNATURE.findall(lines)
        demand(lines == "".join(f"— {name} {blob}\n" for name, blob in found), f"checkpoint {number}: its signatures are malformed")
        signatures = [(name, unbase64(blob)[:4].hex(), unbase64(blob)[4:]) for name, blob in found]
        demand(set(ids.split()[1::2]) <= {id for _, id, _ in signatures}, f"checkpoint {number}: a key that it names did not sign it")
        ours = [(keys[id][1], blob) for name, id, blob in signatures if id in keys and keys[id][0] == name == origin]
        are_true = all(is_signed(text.encode(), key, blob) for key, blob in ours)
        demand(ours and are_true, f"checkpoint {number}: not signed with a key that is trusted")
        follows = end is None or moment(start) == moment(end) + MINUTE
        demand((int(own), before) == (number, previous) and follows, f"checkpoint {number}: does not follow the one before")
        leaves = parse(manifest := read(bundle / f"manifests/{number:010}.json"))["leaves"]
        demand(leaves == sorted(set(leaves)), f"manifest {number}: its leaves are not sorted, or one stands twice")
        for size, node in enumerate(map(bytes.fromhex, leaves), size + 1):  # RFC 6962, section 2.1
            for _ in range((size & -size).bit_length() - 1):
                node = sha(b"\1", subtrees.pop(), node)
            subtrees.append(node)
        top = subtrees[-1] if subtrees else sha()
        for left in reversed(subtrees[:-1]):
            top = sha(b"\1", left, top)
        demand((int(total), unbase64(root)) == (size, top), f"manifest {number}: its leaves do not make the signed root")
        rest = {"from": start, "to": to, "leaves": leaves, "frontier": [it.hex() for it in subtrees]}
        written = json.dumps({"schema": "audit.manifest/1", "number": number} | rest, separators=(",", ":"))
        demand(manifest == written, f"manifest {number}: not what its checkpoint says")
        sealed.update(leaves)
        previous, end = b64encode(sha(text.encode())).decode(), to
    return sealed, count, (origin, end, at)

def read_records(path, sealed, end, events, tasks):
    """Adds the leaf of each event and the links of each task. Returns the number of lines, and of records that are newer than the seals."""
    number, newer = 0, 0
    for number, line in enumerate(regular(path).open("rb"), 1):
        if not line.strip(b" \t\r\n\f"):
            continue
        where, record = f"{path.name}, line {number}", parse(line.decode())
        audited, stated = record["time"].pop("audited"), record.get("integrity", {}).pop("record", None)
        leaf, event = sha(b"\0", canonical(record).encode()).hex(), record["eventId"]
        demand(isinstance(event, str) and events.setdefault(event, leaf) == leaf, f"{where}: another record of its event says otherwise")
        if record["schema"] == "audit.export/1":  # of an export of the log, which nobody seals
            is_honest = record.keys() <= EXPORT and record["action"] in ("audit.export_started", "audit.exported")
            demand(is_honest, f"{where}: it says that it is of an export, and is not")
            continue
        demand(record["schema"] in ("task.audit/1", "task.audit/2"), f"{where}: it is no record")
        demand(stated == leaf, f"{where}: it is not what its leaf says")
        is_newer = path.name == "newer.ndjson" and moment(end) + MINUTE <= moment(audited) <= SOON
        demand(leaf in sealed or is_newer, f"{where}: it was never sealed")
        newer += leaf not in sealed
        if task := record.get("task"):
            ends = [(record["integrity"][name], task[f"version{name.title()}"]) for name in ("before", "after")]
            stream = record["source"].get("streamArn", "").partition("/stream/")[2]  # a new stream counts from the start
            tasks[task["owner"], task["id"]].append((stream, int(record["source"]["sequenceNumber"]), *ends))
    return number, newer

def check_label(bundle, seals, counts):
    """Holds the label, which nobody signs, and the keys beside it to what is there."""
    keys = {name: read(bundle / "keys" / name) for name in names(bundle / "keys")}
    lines = sorted(text.partition("\n")[0] for text in keys.values())
    for id, _, key in map(read_key, lines):
        pem = f"-----BEGIN PUBLIC KEY-----\n{b64encode(DER + key).decode()}\n-----END PUBLIC KEY-----\n"
        demand(keys.pop(f"{id}.pub", "").partition("\n")[2] == pem, f"keys/{id}.pub: it is not there, or not as it was published")
    (origin, end, at), label = seals, parse(read(bundle / "bundle.json"))
    group, made = label["logGroup"], label["made"]
    demand(re.match("/.*?/", group) and f"/{origin}/".startswith(f"{group}/"), "bundle.json: it is of another log group")
    demand(re.fullmatch("[-0-9]{10}T[:0-9]{8}Z", made) and moment(at) <= moment(made) <= SOON, "bundle.json: it was not made then")
    fits = {"schema": "audit.bundle/1", "origin": origin, "stage": group.split("/")[2], "logGroup": group, "since": None}
    fits |= {"until": end, "made": made, "counts": counts | {"keys": len(lines)}, "keys": lines}
    label = {"since": None} | label | {"keys": sorted(set(label["keys"]))}
    same = (json.dumps(it, sort_keys=True) for it in (label, fits))
    demand(next(same) == next(same), "bundle.json: it does not fit what is there, or is of a part of a log")

def main(path, *lines):
    bundle, keys = pathlib.Path(path), {}
    for id, name, key in map(read_key, lines):
        keys[id] = name, key
    sealed, count, seals = read_seals(bundle, keys)
    (_, end, at), events, tasks = seals, {}, collections.defaultdict(list)
    records, _ = read_records(bundle / "records.ndjson", sealed, end, events, tasks)
    late, newer = read_records(bundle / "newer.ndjson", sealed, end, events, tasks)
    check_label(bundle, seals, {"records": records, "newer": late, "checkpoints": count, "manifests": count})
    missing = len(sealed - set(events.values()))
    demand(not missing, f"{missing} sealed records are not there")
    demand(sealed or not newer, "no record is sealed yet, so that none could be checked")
    for task, links in tasks.items():
        links = [(None, None, None, (None, None)), *sorted(set(links))]
        for (*_, after), (_, _, before, _) in zip(links, links[1:]):
            demand(before == after, f"a change of task {task} has no record")
    print(f"intact: {len(sealed)} records, sealed until {end} at {at}; {newer} newer ones cannot be judged yet")

try:
    main(*sys.argv[1:])
except Exception as error:
    demand(False, f"{type(error).__name__}: {error}")
