"""Runs cdk-nag and cfn-lint on the template, and shows that both still find faults."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks
from conftest import APP_DIR, Project, Synthesised

from task_service import nag


def test_cdk_nag_finds_nothing_unexplained(each: Synthesised) -> None:
    assert findings(each.app) == set()


def test_cdk_nag_finds_what_is_wrong() -> None:
    app = App()
    s3.Bucket(Stack(app, "Wrong"), "Bucket")
    assert "AwsSolutions-S10" in {rule for rule, _ in findings(app)}


@pytest.mark.parametrize("auth", ["tokens", "cognito"])
def test_every_suppression_is_needed_and_gives_its_reason(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    """Without the suppressions, cdk-nag finds the suppressed rules in the suppressed places, and nothing else."""
    accepted: list[tuple[str, str]] = []

    def record(construct: object, rule: str, *, reason: str) -> None:
        assert len(reason) > 40, f"{rule} at {construct.node.path}"
        accepted.append((rule, construct.node.path))

    monkeypatch.setattr(nag, "accept", record)
    app, _ = project.build(tmp_path, auth=auth)
    found = findings(app)
    covered = {
        (rule, place): [path for known, path in accepted if known == rule and f"{place}/".startswith(f"{path}/")]
        for rule, place in found
    }
    assert {finding for finding, by in covered.items() if not by} == set()
    used = {(rule, path) for (rule, _), paths in covered.items() for path in paths}
    assert set(accepted) - used == set()


def test_cfn_lint_finds_nothing(each: Synthesised) -> None:
    run = lint(each.path)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_cfn_lint_finds_what_is_wrong(dev: Synthesised, tmp_path: Path) -> None:
    template = dev.template.to_json()
    for function in (found for found in template["Resources"].values() if found["Type"] == "AWS::Lambda::Function"):
        function["Properties"]["Timeout"] = 901
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(template))
    run = lint(path)
    assert run.returncode != 0
    assert "901" in run.stdout


def findings(app: App) -> set[tuple[str, str]]:
    """Returns the rule and construct path of every finding that is not acknowledged."""
    report = AwsSolutionsChecks(app).validate_scope(app)
    return {
        (violation.rule_name, resource.construct_path)
        for violation in report.violations
        for resource in violation.violating_resources
    }


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            Path(sys.executable).with_name("cfn-lint"),
            "--config-file",
            str(APP_DIR / ".cfnlintrc.yaml"),
            "--",
            str(path),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
