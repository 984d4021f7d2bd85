"""The naming rules, from deployment/names.json; `cargo xtask` reads them too, and checks them before it builds anything."""

import json
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).resolve().parents[2] / "deployment" / "names.json"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rule for one kind of name."""

    first: str
    characters: str
    last: str
    longest: int
    reserved: list[str]
    words: str

    def __str__(self) -> str:
        return self.words.replace("{longest}", str(self.longest))

    def allows(self, name: str) -> bool:
        return (
            1 <= len(name) <= self.longest
            and name[0] in self.first
            and all(character in self.characters for character in name)
            and name[-1] in self.last
            and name not in self.reserved
        )


_RULES = {kind: Rule(**rule) for kind, rule in json.loads(_FILE.read_text(encoding="utf-8")).items()}

# With a longer stage, CloudFormation would truncate the stack's name inside role names (teardown/settings.py,
# LONGEST_SERVICE).
STAGE = _RULES["stage"]
TEARDOWN = _RULES["teardown"]
# For ids and owners.
PRINCIPAL = _RULES["principal"]
