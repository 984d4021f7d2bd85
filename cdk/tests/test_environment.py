"""Each function's whole environment is measured as Lambda does it, before anything is deployed."""

import json
from pathlib import Path

import pytest
from aws_cdk import Aws
from conftest import PRINCIPAL, Project, Synthesised

from task_service import environment
from task_service.environment import EnvironmentSizeError


def test_names_quotes_and_escapes_count() -> None:
    """Lambda's error message shows the text it measured: `{"A":"\\"b\\""}`."""
    assert environment.size({}) == len("{}")
    assert environment.size({"A": '"b"', "C": "d"}) == len(r'{"A":"\"b\"","C":"d"}')
    assert environment.size({"A": "ä"}) == len('{"A":"ä"}'.encode())


def test_the_last_byte_that_fits_is_taken_and_one_more_is_refused() -> None:
    room = environment.LIMIT_BYTES - environment.size({"PRINCIPALS": ""})
    environment.check_size("f", {"PRINCIPALS": "x" * room})
    with pytest.raises(EnvironmentSizeError, match="f would take 4097 bytes, but Lambda allows 4096; PRINCIPALS is the largest"):
        environment.check_size("f", {"PRINCIPALS": "x" * (room + 1)})


def test_a_name_that_only_the_deployment_knows_counts_at_its_longest() -> None:
    assert environment.size({"TABLE_NAME": Aws.STACK_NAME}) == environment.size({"TABLE_NAME": "x" * 255})


def test_24_principals_are_taken_and_26_refused_with_advice(project: Project, tmp_path: Path) -> None:
    """The JSON text of 26 is below the limit, but as a value in the environment each of its quotes counts twice."""
    crowd = [{**PRINCIPAL, "id": f"p{n}", "tokenSha256": f"{n:064x}"} for n in range(26)]
    fitting = json.dumps(crowd[:24], separators=(",", ":"))
    environment.check_size("f", {"RUST_LOG": "info", "PRINCIPALS": fitting})
    text = json.dumps(crowd, separators=(",", ":"))
    assert len("PRINCIPALS") + len(text) < environment.LIMIT_BYTES
    path = tmp_path / "crowd.json"
    path.write_text(text)
    with pytest.raises(EnvironmentSizeError, match="tasks-dev-authorizer would take .* remove principals"):
        project.build(tmp_path / "out", principals=str(path))


def test_too_many_origins_are_refused_with_advice(project: Project, tmp_path: Path) -> None:
    origins = ",".join(f"https://app-{n}.example.com" for n in range(200))
    with pytest.raises(EnvironmentSizeError, match="tasks-dev-task-api would take .* fewer origins"):
        project.build(tmp_path / "out", allowedOrigins=origins)


def test_every_functions_environment_fits(
    dev: Synthesised, prod: Synthesised, teardown: Synthesised, expiring: Synthesised, crowd: Synthesised
) -> None:
    for synthesised in (dev, prod, teardown, expiring, crowd):
        for function in synthesised.of_type("AWS::Lambda::Function").values():
            variables = function["Properties"]["Environment"]["Variables"]
            longest = {name: value if isinstance(value, str) else "x" * 255 for name, value in variables.items()}
            assert environment.size(longest) <= environment.LIMIT_BYTES
