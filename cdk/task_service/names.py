"""The rules of names, from deployment/names.json: `cargo xtask` reads them too and asks before it builds anything."""

import json
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).resolve().parents[2] / "deployment" / "names.json"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which texts are names of one kind."""

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

# Longer, CloudFormation would cut the stack's name inside the names of roles (teardown/settings.py, LONGEST_SERVICE).
STAGE = _RULES["stage"]
TEARDOWN = _RULES["teardown"]
# Ids and owners.
PRINCIPAL = _RULES["principal"]
