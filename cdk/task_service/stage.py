"""The rule for a stage's name, from stage-name.json: `cargo xtask` reads it too and asks before it builds anything."""

import json
import re
from pathlib import Path

_FILE = Path(__file__).resolve().parent.parent / "stage-name.json"
_NAME = json.loads(_FILE.read_text(encoding="utf-8"))
# Longer, CloudFormation would cut the stack's name inside the names of roles (teardown/settings.py, LONGEST_SERVICE).
_PATTERN = re.compile(_NAME["pattern"])

RULE: str = _NAME["rule"]


def is_stage(name: str) -> bool:
    return _PATTERN.fullmatch(name) is not None and name not in _NAME["reserved"]
