"""Facts that the template and the functions' code must agree on, read from snapshots of the code.

`functions/tasks/schema.json` describes the table and `functions/task-api/api.json` the API. The tests of the two crates write
these files and fail when they differ from the code.
"""

import json
from pathlib import Path

_FUNCTIONS = Path(__file__).resolve().parent.parent.parent / "functions"

SCHEMA = json.loads((_FUNCTIONS / "tasks" / "schema.json").read_text(encoding="utf-8"))
API = json.loads((_FUNCTIONS / "task-api" / "api.json").read_text(encoding="utf-8"))
