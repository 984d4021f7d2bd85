#!/usr/bin/env python3
"""Says whether a bundle of the audit log is intact, with Python's own library and OpenSSL 3 alone (docs/decisions/0030).

    python3 verify_audit.py BUNDLE KEY...

BUNDLE is a directory that `taskctl audit export --format bundle` wrote of the whole log. A KEY is a line NAME+ID+BASE64 that comes
from elsewhere: who makes a bundle can put any key into it. Stops at the first thing that is wrong, with exit code 1.
"""

import collections, datetime, hashlib, itertools, json, pathlib, re, subprocess, sys, tempfile
from base64 import b64decode, b64encode

CHECKPOINT = re.compile(r"(.+)\n(\d+)\n(.+)\nnumber (\d+)\nprevious (.+)\nfrom (.+)\nto (.+)\nat (.+)\n"
                        r"quarantined \d+\nunknown-actors \d+\n((?:key [0-9a-f]{8}\n)+)")  # fmt: skip

EXPORT = {"action", "actor", "eventId", "export", "schema", "time"}

def demand(truth, what):
    truth or sys.exit(f"NOT INTACT: {what}")

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def is_signed(text, key, signature):
    with tempfile.TemporaryDirectory() as folder:
        der = bytes.fromhex("302a300506032b6570032100") + key  # RFC 8410
        for name, content in ("key", der), ("text", text), ("signature", signature):
            pathlib.Path(folder, name).write_bytes(content)
        openssl = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -in text -sigfile signature"
        return subprocess.run(openssl.split(), cwd=folder, capture_output=True).returncode == 0

def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))

def members(pairs):
    demand(len(dict(pairs)) == len(pairs), "a name stands twice in one object")
    return dict(pairs)

def read_seals(bundle, keys):
    """Returns the leaves that are sealed, and the last checkpoint's minute and time."""
    sealed, subtrees, size, previous = set(), [], 0, "none"
    count = len(list((bundle / "checkpoints").iterdir()))
    demand(0 < count == len(list((bundle / "manifests").iterdir())), "not one manifest for each checkpoint")
    for number in range(1, count + 1):
        text, _, lines = (bundle / f"checkpoints/{number:010}").read_bytes().rpartition(b"\n\n")
        said = CHECKPOINT.fullmatch((text := text + b"\n").decode())
        origin, total, root, own, before, start, to, at, ids = said.groups()
        signatures = [b64decode(line.split()[2]) for line in lines.decode().splitlines()]
        signed = {blob[:4].hex(): blob[4:] for blob in signatures}
        demand(set(ids.split()[1::2]) <= signed.keys(), f"checkpoint {number}: a key that it names did not sign it")
        ours = signed.keys() & keys.keys()
        are_true = all(keys[id][0] == origin and is_signed(text, keys[id][1], signed[id]) for id in ours)
        demand(ours and are_true, f"checkpoint {number}: not signed with a key that is trusted")
        demand((int(own), before) == (number, previous), f"checkpoint {number}: does not follow the one before")
        manifest = json.loads((bundle / f"manifests/{number:010}.json").read_bytes(), object_pairs_hook=members)
        for size, node in enumerate(map(bytes.fromhex, manifest["leaves"]), size + 1):  # RFC 6962, section 2.1
            for _ in range((size & -size).bit_length() - 1):
                node = sha(b"\1", subtrees.pop(), node)
            subtrees.append(node)
        top = subtrees[-1] if subtrees else sha()
        for left in reversed(subtrees[:-1]):
            top = sha(b"\1", left, top)
        demand((int(total), b64decode(root)) == (size, top), f"manifest {number}: its leaves do not make the signed root")
        rest = {"schema": "audit.manifest/1", "number": number, "from": start, "to": to, "frontier": [it.hex() for it in subtrees]}
        demand(manifest == {"leaves": manifest["leaves"]} | rest, f"manifest {number}: not what its checkpoint says")
        sealed.update(manifest["leaves"])
        previous = b64encode(sha(text)).decode()
    return sealed, to, at

def read_records(lines, sealed, end):
    """Returns the leaf of each event, the links of each task, and the number of records that are newer than the seals."""
    events, tasks, newer = {}, collections.defaultdict(list), 0
    now = datetime.datetime.now(datetime.timezone.utc)
    for number, line in enumerate(filter(bytes.strip, lines), 1):
        record = json.loads(line, object_pairs_hook=members)
        if record["schema"] == "audit.export/1":  # of an export of the log, which nobody seals
            is_honest = record.keys() <= EXPORT and record["action"] in ("audit.export_started", "audit.exported")
            is_honest &= events.setdefault(record["eventId"], line) == line
            demand(is_honest, f"record {number}: it says that it is of an export, and is not")
            continue
        audited, stated = record["time"].pop("audited"), record["integrity"].pop("record")
        canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        leaf = sha(b"\0", canonical.encode()).hex()
        demand(stated == leaf, f"record {number}: it is not what its leaf says")
        demand(events.setdefault(record["eventId"], leaf) == leaf, f"record {number}: another one of its event says otherwise")
        is_newer = moment(end) + datetime.timedelta(minutes=1) <= moment(audited) <= now
        demand(leaf in sealed or is_newer, f"record {number}: it was never sealed")
        newer += leaf not in sealed
        if task := record.get("task"):
            ends = [(record["integrity"][name], task[f"version{name.title()}"]) for name in ("before", "after")]
            stream = record["source"].get("streamArn", "").partition("/stream/")[2]  # a new stream counts anew
            tasks[task["owner"], task["id"]].append((stream, int(record["source"]["sequenceNumber"]), *ends))
    return events, tasks, newer

def main(path, *lines):
    bundle, keys = pathlib.Path(path), {}
    for name, _, key in (line.split("+", 2) for line in lines):
        keys[sha(name.encode(), b"\n", b64decode(key))[:4].hex()] = name, b64decode(key)[1:]
    sealed, end, at = read_seals(bundle, keys)
    with (bundle / "records.ndjson").open("rb") as lines, (bundle / "newer.ndjson").open("rb") as apart:
        events, tasks, newer = read_records(itertools.chain(lines, apart), sealed, end)
    missing = len(sealed - set(events.values()))
    demand(not missing, f"{missing} sealed records are not there")
    for task, links in tasks.items():
        links = [(None, None, None, (None, None)), *sorted(set(links))]
        for (*_, after), (_, _, before, _) in zip(links, links[1:]):
            demand(before == after, f"a change of task {task} has no record")
    print(f"intact: {len(sealed)} records, sealed until {end} at {at}; {newer} newer ones cannot be judged yet")

try:
    main(*sys.argv[1:])
except Exception as error:
    demand(False, f"{type(error).__name__}: {error}")
