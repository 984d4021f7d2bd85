"""Context values of the teardown app are checked before anything is built; each refusal says what to pass."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import APP_DIR, TeardownProject

from task_service.settings import SettingsError
from teardown.settings import LONGEST_SERVICE, MOST_SERVICES


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ({"teardown": "Tasks"}, ["teardown='Tasks'", "a-z 0-9 -"]),
        ({"teardown": "x" * 41}, ["teardown", "40"]),
        ({"teardown": "tasks-"}, ["teardown"]),
        ({"services": " "}, ["services"]),
        ({"services": ","}, ["names no stack", "-c services=tasks-dev"]),
        ({"services": "tasks-dev,"}, ["services='tasks-dev,'", "an empty one"]),
        ({"services": "dev"}, ["'dev'", "tasks-<stage>"]),
        ({"services": "CDKToolkit"}, ["'CDKToolkit'", "tasks-<stage>"]),
        ({"services": "tasks-*"}, ["'tasks-*'", "tasks-<stage>"]),
        ({"services": "tasks-Dev"}, ["'tasks-Dev'"]),
        ({"services": "tasks-"}, ["'tasks-'"]),
        ({"services": "tasks-abcdefghijklmnopqrs"}, ["'tasks-abcdefghijklmnopqrs'", "tasks-<stage>"]),
        ({"services": "tasks-dev,tasks-teardown"}, ["'tasks-teardown'", "tasks-<stage>"]),
        (
            {"services": "tasks-dev,tasks-blue", "teardown": "tasks-blue"},
            ["'tasks-blue'", "cannot remove itself", "-c teardown=NAME"],
        ),
        ({"services": "tasks-teardown-x"}, ["'tasks-teardown-x'", "continue the other"]),
        ({"teardown": "tasks-dev-undo"}, ["'tasks-dev'", "continue the other"]),
        (
            {"services": ",".join(f"tasks-s{n}" for n in range(MOST_SERVICES + 1))},
            [f"at most {MOST_SERVICES}", "second teardown stack"],
        ),
        ({"expiresIn": "72"}, ["expiresIn='72'", "72h"]),
        ({"expiresIn": "0h"}, ["expiresIn='0h'"]),
        ({"expiresIn": "-1h"}, ["expiresIn='-1h'"]),
        ({"expiresIn": "1.5h"}, ["expiresIn='1.5h'"]),
        ({"expiresIn": "4m"}, ["expiresIn='4m'", "5 minutes"]),
        ({"expiresIn": "367d"}, ["expiresIn='367d'", "366 days"]),
        ({"expiresIn": "72h", "services": "tasks-dev,tasks-blue"}, ["tasks-dev,tasks-blue", "one service"]),
        ({"architecture": "riscv"}, ["architecture='riscv'", "arm64"]),
        ({"drainSeconds": "0"}, ["drainSeconds"]),
        ({"drainSeconds": "7201"}, ["drainSeconds", "7200"]),
        ({"watchSeconds": "14401"}, ["watchSeconds", "14400"]),
        ({"watchSeconds": "soon"}, ["watchSeconds='soon'", "whole number"]),
        ({"definition": "nowhere.json"}, ["nowhere.json", "-c definition="]),
        ({"assets": "nowhere"}, ["nowhere", "teardown/bootstrap", "cargo lambda build"]),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    teardown_project: TeardownProject, context: dict[str, object], named: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        teardown_project.settings(**context)
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30m", timedelta(minutes=30)), ("72h", timedelta(hours=72)), ("7d", timedelta(days=7)), (None, None)],
)
def test_an_expiry_is_minutes_hours_or_days(
    teardown_project: TeardownProject, text: str | None, expected: timedelta | None
) -> None:
    assert teardown_project.settings(expiresIn=text).expires_in == expected


def test_a_service_of_every_stage_that_can_be_deployed_can_be_torn_down(teardown_project: TeardownProject) -> None:
    longest = "tasks-" + "x" * 18
    assert len(longest) == LONGEST_SERVICE
    assert teardown_project.settings(services=longest).services == (longest,)


def test_services_are_trimmed_and_named_once(teardown_project: TeardownProject) -> None:
    settings = teardown_project.settings(services="tasks-dev, tasks-blue,tasks-dev")
    assert settings.services == ("tasks-dev", "tasks-blue")


def test_the_defaults_are_those_of_the_interfaces(teardown_project: TeardownProject) -> None:
    settings = teardown_project.settings()
    assert (settings.teardown, settings.services, settings.architecture) == ("tasks-teardown", ("tasks-dev",), "arm64")
    assert (settings.drain_seconds, settings.watch_seconds) == (600, 7200)
    assert settings.definition == (APP_DIR.parent / "statemachine" / "teardown.asl.json").resolve()


def test_the_app_prints_one_line_and_no_stack_trace(teardown_project: TeardownProject, tmp_path: Path) -> None:
    context = json.dumps(teardown_project.context(services="CDKToolkit"))
    run = subprocess.run(
        [sys.executable, str(APP_DIR / "teardown_app.py")],
        cwd=APP_DIR,
        env={**os.environ, "CDK_CONTEXT_JSON": context, "CDK_OUTDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 2
    assert "error: services has 'CDKToolkit'" in run.stderr
    assert "Traceback" not in run.stderr
