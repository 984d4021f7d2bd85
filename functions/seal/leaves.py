"""Computes the leaves in leaves.json with nothing but Python's own library: what a record's leaf is, said a second time.

`python3 leaves.py` compares; `python3 leaves.py --write` writes them.
"""

import hashlib
import json
import sys
from pathlib import Path

FILE = Path(__file__).with_name("leaves.json")


def leaf(record: dict) -> str:
    record = dict(record)
    for name, member in ("time", "audited"), ("integrity", "record"):
        if isinstance(record.get(name), dict):
            record[name] = {key: value for key, value in record[name].items() if key != member}
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"\0" + canonical.encode()).hexdigest()


if __name__ == "__main__":
    vectors = json.loads(FILE.read_text(encoding="utf-8"))
    if sys.argv[1:] == ["--write"]:
        vectors = [{"record": vector["record"], "leaf": leaf(vector["record"])} for vector in vectors]
        FILE.write_text(json.dumps(vectors, indent=2) + "\n", encoding="utf-8")
    wrong = [vector for vector in vectors if vector["leaf"] != leaf(vector["record"])]
    sys.exit(f"wrong: {json.dumps(wrong)}" if wrong else print(f"{len(vectors)} leaves are right"))
