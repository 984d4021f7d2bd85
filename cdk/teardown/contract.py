"""The teardown's contract, as the Rust crate statemachine/contract writes it down in statemachine/contract.json."""

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).resolve().parents[2] / "statemachine" / "contract.json"

CONTRACT: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
LIMITS: dict[str, int] = CONTRACT["limits"]
NAMES: dict[str, Any] = CONTRACT["names"]
RANGES: dict[str, dict[str, int]] = CONTRACT["ranges"]
