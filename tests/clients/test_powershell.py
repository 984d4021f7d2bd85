"""The lines for PowerShell parse.

No PowerShell runs here: a grammar for tree-sitter reads them, so a typo in their syntax is found, a wrong parameter is not.
"""

import re
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

ROOT = Path(__file__).parents[2]
PARSER = Parser(Language(tree_sitter_powershell.language()))


def readme() -> str:
    blocks = re.findall(r"```powershell\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    return blocks[0]


@pytest.mark.parametrize("script", [(ROOT / "docs/clients/tasks.ps1").read_text(), readme()])
def test_the_lines_parse_and_no_longer_do_with_a_typo(script: str) -> None:
    assert not PARSER.parse(script.encode()).root_node.has_error
    for broken in [script.replace('"$base/me"', '"$base/me'), script.replace("$($task.id)", "$($task.id"), script + "@{"]:
        assert broken != script
        assert PARSER.parse(broken.encode()).root_node.has_error
