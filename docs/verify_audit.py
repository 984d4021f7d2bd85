#!/usr/bin/env python3
"""Verifies an audit log with Python's own library and OpenSSL 3 alone: docs/decisions/0030, told a second time.

    python3 verify_audit.py BUNDLE KEY... [--at 2026-11-28T12:00Z]

BUNDLE is a directory that `taskctl audit export --format bundle` wrote. KEY is a public key of the log, as NAME+ID+BASE64 or as the
path of a file that begins with it. It must come from elsewhere than the bundle: who makes a bundle can put any key into it.
The newest checkpoint may be two hours older than --at, the moment of the export (by default now).
Prints the findings and the verdict, and exits with 0 if the log is intact.
"""

import argparse
import collections
import datetime
import functools
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode

VERDICTS = ["altered", "forged", "missing", "truncated", "cannot tell", "intact"]
CHECKPOINT = re.compile(
    r"(?P<origin>.+)\n(?P<size>\d+)\n(?P<root>\S+)\nnumber (?P<number>\d+)\nprevious (?P<previous>\S+)\nfrom (?P<start>\S+)\n"
    r"to (?P<end>\S+)\nat (?P<at>\S+)\nquarantined \d+\nunknown-actors \d+\n(?P<keys>(key [0-9a-f]{8}\n)*)"
)
# What the readers below raise for something that is not of the form that they expect.
MALFORMED = ValueError, TypeError, KeyError, AttributeError, RecursionError
findings = []


def found(verdict, what):
    findings.append((VERDICTS.index(verdict), what))


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def minute(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() // 60)


def grow(roots, size, leaves):
    """Returns the roots of a tree's full subtrees, from left to right, after leaves were added to it (RFC 6962, section 2.1)."""
    roots = list(roots)
    for count, node in enumerate(map(bytes.fromhex, leaves), size + 1):
        for _ in range((count & -count).bit_length() - 1):
            node = sha(b"\1", roots.pop(), node)
        roots.append(node)
    return roots


def root(roots):
    return functools.reduce(lambda right, left: sha(b"\1", left, right), reversed(roots)) if roots else sha()


def read_key(given):
    path = pathlib.Path(given)
    name, _, key = (path.read_text() if path.is_file() else given).split()[0].split("+", 2)
    return name, sha(name.encode(), b"\n", b64decode(key))[:4], b64decode(key)[1:]


def is_signed(key, text, signature):
    der = bytes.fromhex("302a300506032b6570032100") + key  # RFC 8410
    with tempfile.TemporaryDirectory() as folder:
        for name, content in ("key", der), ("text", text), ("signature", signature):
            pathlib.Path(folder, name).write_bytes(content)
        command = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -in text -sigfile signature"
        return subprocess.run(command.split(), cwd=folder, capture_output=True, check=False).returncode == 0


def read_checkpoint(number, note, keys):
    """Reads a checkpoint that every key which it names has signed, and at least one of the keys that are trusted."""
    text, _, signatures = note.rpartition(b"\n\n")
    text += b"\n"
    said = CHECKPOINT.fullmatch(text.decode()).groupdict()
    said |= {name: minute(said[name]) for name in ("start", "end", "at")} | {"hash": b64encode(sha(text)).decode()}
    lines = [re.fullmatch("— (\\S+) (\\S+)", line) for line in signatures.decode().removesuffix("\n").split("\n")]
    signed = {(line[1], b64decode(line[2], validate=True)) for line in lines}
    trusted = [(key, blob[4:]) for name, blob in signed for owner, id, key in keys if (owner, id) == (name, blob[:4])]
    origins = [name for name, _, _ in keys] or [said["origin"]]
    if int(said["number"]) != number or said["origin"] not in origins:
        return found("forged", f"checkpoint {number}: it is number {said['number']} of {said['origin']}")
    if not all(is_signed(key, text, signature) for key, signature in trusted):
        return found("altered", f"checkpoint {number}: a signature is not that of its text")
    if keys and not trusted:
        return found("forged", f"checkpoint {number}: no trusted key signed it")
    if keys and not set(said["keys"].split()[1::2]) <= {blob[:4].hex() for _, blob in signed}:
        return found("altered", f"checkpoint {number}: a key that it names did not sign it")
    return said


def read_manifest(number, content):
    said = json.loads(content)
    leaves, frontier = said.pop("leaves"), said.pop("frontier")
    start, end = minute(said.pop("from")), minute(said.pop("to"))
    are_hashes = all(re.fullmatch("[0-9a-f]{64}", it) for it in leaves + frontier)
    if said != {"schema": "audit.manifest/1", "number": number} or leaves != sorted(set(leaves)) or not are_hashes:
        raise ValueError("it is no manifest of this number")
    return start, end, leaves, [bytes.fromhex(it) for it in frontier]


def read_all(folder, suffix, read):
    """Reads the files of a folder by their numbers. `None` stands for what cannot be trusted."""
    all = {}
    for path in sorted(folder.iterdir()):
        name = re.fullmatch(r"(\d{10})" + suffix, path.name)
        if not name:
            found("forged", f"{folder.name}/{path.name}: a further version, or no part of a log")
            continue
        try:
            all[int(name[1])] = read(int(name[1]), path.read_bytes())
        except MALFORMED as error:
            all[int(name[1])] = found("altered", f"{folder.name}/{path.name}: {error}")
    return all


def check_order(checkpoints, numbers):
    for number in numbers:
        checkpoint, before = checkpoints.get(number), checkpoints.get(number - 1)
        if number not in checkpoints:
            found("missing", f"checkpoint {number}")
        elif checkpoint and (checkpoint["previous"] == "none") != (number == 1):
            found("forged", f"checkpoint {number}: only the first one follows none")
        elif checkpoint and before:
            if (checkpoint["previous"], checkpoint["start"]) != (before["hash"], before["end"] + 1):
                found("forged", f"checkpoint {number}: it does not follow the one before it")


def check_trees(checkpoints, manifests, numbers):
    """Holds manifests to the roots that are signed. Returns the leaves that each was the first to hold, and whether that is all."""
    sealed, is_all = {}, True
    roots, size = ([], 0) if numbers.start == 1 else (None, None)
    for number in numbers:
        checkpoint, manifest = checkpoints.get(number), manifests.get(number)
        if number not in manifests:
            found("missing", f"manifest {number}")
        if not manifest:
            roots, is_all = None, False
            continue
        start, end, leaves, frontier = manifest
        after = roots if roots is None else grow(roots, size, leaves)
        if checkpoint and after is not None:
            signed = [checkpoint[name] for name in ("size", "root", "start", "end")]
            if signed != [str(size + len(leaves)), b64encode(root(after)).decode(), start, end] or after != frontier:
                found("altered", f"manifest {number}: it does not make what was signed")
                after = None
        if after is None:
            # The next one goes on from the frontier, which is the true one if it makes the root.
            is_all = False
            is_true = checkpoint and b64encode(root(frontier)).decode() == checkpoint["root"]
            roots, size = (frontier, int(checkpoint["size"])) if is_true else (None, None)
            continue
        roots, size = after, size + len(leaves)
        sealed |= {leaf: number for leaf in leaves if leaf not in sealed}
    return sealed, is_all


def strict(text):
    """Parses JSON in which no object has a name twice and every number is an integer."""

    def members(pairs):
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a name stands twice in one object")
        return dict(pairs)

    def refuse(number):
        raise ValueError(f"{number} is no integer")

    return json.loads(text.decode(), object_pairs_hook=members, parse_float=refuse, parse_constant=refuse)


def leaf_of(record):
    record = dict(record)
    for name, member in ("time", "audited"), ("integrity", "record"):
        if isinstance(record.get(name), dict):
            record[name] = {key: value for key, value in record[name].items() if key != member}
    return sha(b"\0", json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hex()


def link_of(record):
    """Returns a record's task, its place in the stream, and the image and version of the task before and after it."""
    task, integrity = record.get("task"), record["integrity"]
    if task:
        ends = [(integrity[end], task[f"version{end.title()}"]) for end in ("before", "after")]
        return (task["owner"], task["id"]), int(record["source"]["sequenceNumber"]), *ends


def read_records(lines, sealed):
    """Reads the records by their leaves, and holds those of one event to each other."""
    records, events, wrong = {}, {}, set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = strict(line)
            leaf, event, schema = leaf_of(record), record["eventId"], record["schema"]
            if schema not in ("task.audit/1", "task.audit/2"):
                raise ValueError(f"its schema is {schema}")
            first = events.setdefault(event, leaf)
            if first != leaf:
                wrong.add(leaf if first in sealed else first)
                found("altered", f"line {number}: another record of event {event} says something else")
            if leaf in sealed and record["integrity"]["record"] != leaf:
                found("altered", f"line {number}: it does not state its own leaf")
            records[leaf] = number, record, link_of(record)
        except MALFORMED as error:
            found("altered", f"line {number}: it is no audit record: {error}")
    return records, wrong


def check_leaves(records, wrong, sealed, is_all, start, end):
    """Holds the records to the sealed leaves, and the sealed leaves to the records. Adds to the records that are wrong."""
    missing = collections.Counter(number for leaf, number in sealed.items() if leaf not in records)
    for leaf in records.keys() - sealed.keys() - wrong:
        number, record, _ = records[leaf]
        try:
            is_covered = is_all and start <= minute(record["time"]["audited"]) <= end
        except MALFORMED:
            is_covered = True
        is_edit = "integrity" in record and str(record["integrity"].get("record")) in sealed
        if is_edit or is_covered:
            wrong.add(leaf)
            found("altered" if is_edit or missing else "forged", f"line {number}: this record was never sealed")
        else:
            found("cannot tell", f"line {number}: there is nothing by which its minute could be judged")
    if missing:
        counts = collections.Counter(sealed.values())
        newest = [number for number in counts if number > min(missing)] + [max(counts)]
        verdict = "truncated" if all(missing[number] == counts[number] for number in newest) else "missing"
        for number, count in sorted(missing.items()):
            found(verdict, f"{count} records of manifest {number}")


def check_chains(records, wrong):
    tasks = collections.defaultdict(list)
    for leaf, (number, _, link) in records.items():
        if link and leaf not in wrong:
            tasks[link[0]].append((*link[1:], number))
    for (owner, task), links in tasks.items():
        links.sort(key=lambda link: link[0])
        if links[0][1][0] is not None:
            found("cannot tell", f"line {links[0][3]}: the first record of task {task} of {owner} is not its creation")
        for (_, _, after, _), (_, before, _, number) in zip(links, links[1:]):
            if after != before:
                found("missing", f"line {number}: a change of task {task} of {owner} before it has no record")
    return len(tasks)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("bundle", type=pathlib.Path)
    arguments.add_argument("key", nargs="*")
    arguments.add_argument("--at", default=datetime.datetime.now(datetime.timezone.utc).isoformat())
    given = arguments.parse_intermixed_args()
    if not given.key:
        found("cannot tell", "without a key, anyone may have made the checkpoints")
    keys = [read_key(key) for key in given.key]
    checkpoints = read_all(given.bundle / "checkpoints", "", functools.partial(read_checkpoint, keys=keys))
    manifests = read_all(given.bundle / "manifests", r"\.json", read_manifest)
    numbers = range(min(checkpoints, default=1), max(checkpoints, default=0) + 1)
    check_order(checkpoints, numbers)
    sealed, is_all = check_trees(checkpoints, manifests, numbers)
    trusted = [checkpoint for _, checkpoint in sorted(checkpoints.items()) if checkpoint]
    if numbers.start > 1 or not trusted or manifests.keys() - set(numbers):
        found("cannot tell", "the first checkpoint is not there, or the one of a manifest")
    if trusted and minute(given.at) - trusted[-1]["at"] > 120:
        found("truncated", f"checkpoint {trusted[-1]['number']}, the newest, is too old")
    start, end = (trusted[0]["start"], trusted[-1]["end"]) if trusted else (0, -1)
    with open(given.bundle / "records.ndjson", "rb") as lines:
        records, wrong = read_records(lines, sealed)
    check_leaves(records, wrong, sealed, is_all, start, end)
    tasks = check_chains(records, wrong)
    for verdict, what in sorted(findings):
        print(f"{VERDICTS[verdict]}: {what}")
    verdict = VERDICTS[min(findings)[0]] if findings else "intact"
    print(f"{len(records)} records of {tasks} tasks, {len(sealed)} sealed by {len(trusted)} checkpoints: {verdict}")
    return verdict != "intact"


if __name__ == "__main__":
    sys.exit(main())
