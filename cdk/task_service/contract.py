"""What the functions' code says and the template must agree with, as the functions' tests write it down.

`functions/tasks/schema.json` is the table, `functions/task-api/api.json` the API. Both are compared with the code by the
tests of their crates.
"""

import json
from pathlib import Path

_FUNCTIONS = Path(__file__).resolve().parent.parent.parent / "functions"

SCHEMA = json.loads((_FUNCTIONS / "tasks" / "schema.json").read_text(encoding="utf-8"))
API = json.loads((_FUNCTIONS / "task-api" / "api.json").read_text(encoding="utf-8"))
