"""cdk-nag, cfn-lint and asl-validator on the teardown stack, and the proof that the last one bites."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from conftest import APP_DIR, Synthesised, TeardownProject
from test_static_checks import findings, lint

from task_service import nag
from teardown.dry_run import dry_run
from teardown.settings import DEFINITION

MACHINE = (APP_DIR / DEFINITION).resolve()
MODULES = APP_DIR / "node_modules"

# Parses each line of a JSON array as JSONata: asl-validator leaves out the Output of a Catch.
PARSE = """
const jsonata = require("jsonata");
const wrong = [];
for (const text of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
    try { jsonata(text); } catch (error) { wrong.push(`${text}: ${error.message}`); }
}
console.log(JSON.stringify(wrong));
"""


def test_cdk_nag_finds_nothing_unexplained(each_teardown: Synthesised) -> None:
    assert findings(each_teardown.app) == set()


def test_every_suppression_is_needed_and_gives_its_reason(
    teardown_project: TeardownProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the suppressions, cdk-nag finds the suppressed rules at the suppressed places, and nothing else."""
    accepted: list[tuple[str, str]] = []

    def record(construct: object, rule: str, *, reason: str) -> None:
        assert len(reason) > 40, f"{rule} at {construct.node.path}"
        accepted.append((rule, construct.node.path))

    monkeypatch.setattr(nag, "accept", record)
    app, _ = teardown_project.build(tmp_path, expiresIn="72h")
    found = findings(app)
    covered = {
        (rule, place): [path for known, path in accepted if known == rule and f"{place}/".startswith(f"{path}/")]
        for rule, place in found
    }
    assert {finding for finding, by in covered.items() if not by} == set()
    used = {(rule, path) for (rule, _), paths in covered.items() for path in paths}
    assert set(accepted) - used == set()


def test_cfn_lint_finds_nothing(each_teardown: Synthesised, tmp_path: Path) -> None:
    run = lint(in_commercial_regions(each_teardown.path, tmp_path))
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


@pytest.fixture(params=["whole", "dry run"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "whole":
        return MACHINE
    path = tmp_path / "dry-run.asl.json"
    path.write_text(json.dumps(dry_run(json.loads(MACHINE.read_text(encoding="utf-8")))), encoding="utf-8")
    return path


def test_each_state_machine_is_valid(machine: Path, tmp_path: Path) -> None:
    run = validate(in_commercial_regions(machine, tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_expression_of_each_state_machine_is_jsonata(machine: Path) -> None:
    found = expressions(json.loads(machine.read_text(encoding="utf-8")))
    assert found
    assert not_jsonata(found) == []


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({"A": {"Type": "Pass", "Next": "Nowhere"}}, "Nowhere"),
        ({"A": {"Type": "Succeed"}, "B": {"Type": "Succeed"}}, "State B is not reachable"),
        ({"A": {"Type": "Pass", "Output": "{% $x & %}", "End": True}}, "/States/A/Output"),
        ({"A": {"Type": "Pass", "Parameters": {}, "End": True}}, "/States/A"),
    ],
)
def test_the_validator_finds_what_is_wrong(tmp_path: Path, states: dict, said: str) -> None:
    path = tmp_path / "wrong.asl.json"
    path.write_text(json.dumps({"QueryLanguage": "JSONata", "StartAt": "A", "States": states}))
    run = validate(path)
    assert run.returncode == 1
    assert said in run.stdout + run.stderr


def test_an_expression_that_is_not_jsonata_is_found() -> None:
    catch = {"ErrorEquals": ["X"], "Next": "B", "Output": {"run": "{% $merge([ %}"}}
    assert expressions({"Catch": [catch], "Comment": "5 % of all"}) == ["$merge(["]
    assert len(not_jsonata(["$merge([", "$states.input"])) == 1


def in_commercial_regions(path: Path, folder: Path) -> Path:
    """Both linters know integrations of Step Functions by their ARNs in one partition only."""
    copy = folder / path.name
    copy.write_text(path.read_text(encoding="utf-8").replace("${Partition}", "aws"), encoding="utf-8")
    return copy


def validate(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MODULES / ".bin" / "asl-validator", "--json-path", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def expressions(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in expressions(item)]
    if isinstance(value, list):
        return [text for item in value for text in expressions(item)]
    found = re.fullmatch(r"\{%(.*)%\}", value, re.DOTALL) if isinstance(value, str) else None
    return [found[1].strip()] if found else []


def not_jsonata(texts: list[str]) -> list[str]:
    run = subprocess.run(
        ["node", "-e", PARSE],
        input=json.dumps(texts),
        cwd=APP_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(run.stdout)
