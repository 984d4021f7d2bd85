"""Each function's whole environment is measured as Lambda does it, before anything is deployed."""

import json
from pathlib import Path

import pytest
from aws_cdk import Aws
from conftest import PRINCIPAL, Project, Synthesised
from test_issuers import ISSUER

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


def test_a_name_within_a_text_counts_at_its_longest_too() -> None:
    text = f"https://{Aws.REGION}/{Aws.STACK_NAME}"
    assert environment.size({"ISSUERS": text}) == environment.size({"ISSUERS": f"https://{'x' * 128}/{'x' * 128}"})


def test_pinned_keys_that_do_not_fit_are_refused_with_advice(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "issuers.json"
    keys = [{"kty": "RSA", "kid": str(n), "n": "A" * 342, "e": "AQAB"} for n in range(10)]
    path.write_text(json.dumps([{**ISSUER, "jwks": {"keys": keys}}]))
    with pytest.raises(EnvironmentSizeError, match="tasks-dev-authorizer would take .* fewer issuers"):
        project.build(tmp_path / "out", issuers=str(path))


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
            longest = {name: _longest(value) for name, value in variables.items()}
            assert environment.size(longest) <= environment.LIMIT_BYTES


def _longest(value: object) -> str:
    """A value of the template with each name that the deployment fills in at its longest."""
    if isinstance(value, str):
        return value
    parts = value["Fn::Join"][1] if isinstance(value, dict) and "Fn::Join" in value else [None]
    return "".join(part if isinstance(part, str) else "x" * (255 if len(parts) == 1 else 128) for part in parts)
