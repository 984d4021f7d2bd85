"""The functions' names, limits and environments."""

import json
from pathlib import Path

import pytest
from conftest import PRINCIPAL, Project, Synthesised


@pytest.mark.parametrize(
    ("binary", "log_group", "seconds"),
    [("task-api", "task-api", 10), ("authorizer", "authorizer", 5), ("docs", "docs", 10), ("audit", "audit-function", 60), ("notary", "notary", 120)],
)
def test_a_function_runs_the_binary_and_logs_where_it_should(
    dev: Synthesised, binary: str, log_group: str, seconds: int
) -> None:
    function = dev.only("AWS::Lambda::Function", FunctionName=f"tasks-dev-{binary}")["Properties"]
    assert (function["Runtime"], function["Handler"]) == ("provided.al2023", "bootstrap")
    assert function["Architectures"] == ["arm64"]
    assert function["Timeout"] == seconds
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert "ReservedConcurrentExecutions" not in function
    logging = function["LoggingConfig"]
    assert logging["LogFormat"] == "Text"
    assert dev.resources[logging["LogGroup"]["Ref"]]["Properties"]["LogGroupName"] == f"/tasks/dev/{log_group}"


def test_the_architecture_is_a_setting(prod: Synthesised) -> None:
    for function in prod.of_type("AWS::Lambda::Function").values():
        assert function["Properties"]["Architectures"] == ["x86_64"]


def test_the_task_function_knows_its_table_origins_and_throttle(dev: Synthesised, prod: Synthesised) -> None:
    for synthesised, origins, rate in ((dev, "*", 500), (prod, "https://a.example,https://b.example:8443", 20)):
        assert _environment(synthesised, "task-api") == {
            "RUST_LOG": "info",
            "TABLE_NAME": {"Ref": synthesised.task_table},
            "ALLOWED_ORIGINS": origins,
            "RATE_LIMIT_POLICY": f'"default";q={rate};w=1',
        }


def test_the_authorizer_knows_hashes_of_tokens(dev: Synthesised) -> None:
    environment = _environment(dev, "authorizer")
    assert json.loads(environment.pop("PRINCIPALS")) == [PRINCIPAL]
    assert environment == {"RUST_LOG": "info"}


def test_the_audit_function_knows_its_groups(dev: Synthesised, prod: Synthesised) -> None:
    for synthesised, stage, free_text in ((dev, "dev", "false"), (prod, "prod", "true")):
        environment = _environment(synthesised, "audit")
        groups = {
            name: synthesised.resources[environment.pop(name)["Ref"]]["Properties"]["LogGroupName"]
            for name in ("AUDIT_LOG_GROUP", "QUARANTINE_LOG_GROUP")
        }
        assert groups == {
            "AUDIT_LOG_GROUP": f"/tasks/{stage}/audit",
            "QUARANTINE_LOG_GROUP": f"/tasks/{stage}/quarantine",
        }
        intents = {"Ref": synthesised.id_of("AWS::DynamoDB::Table", "SealIntents")}
        assert environment == {"RUST_LOG": "info", "STAGE": stage, "AUDIT_FREE_TEXT": free_text, "INTENT_TABLE": intents}


def _environment(synthesised: Synthesised, binary: str) -> dict:
    name = f"{synthesised.stack.stack_name}-{binary}"
    return dict(synthesised.only("AWS::Lambda::Function", FunctionName=name)["Properties"]["Environment"]["Variables"])


def test_every_function_can_trust_other_authorities(project: Project, dev: Synthesised, tmp_path: Path) -> None:
    bundle = "/etc/pki/tls/certs/ca-bundle.crt"

    def trusted(stack: Synthesised) -> set[str | None]:
        functions = stack.of_type("AWS::Lambda::Function").values()
        return {function["Properties"]["Environment"]["Variables"].get("AWS_CA_BUNDLE") for function in functions}

    assert trusted(dev) == {None}
    assert trusted(project.synthesise(tmp_path, caBundle=bundle)) == {bundle}
