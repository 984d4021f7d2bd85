"""Context values are checked before anything is built, and each error says what to pass instead."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import APP_DIR, Project
from test_issuers import ISSUER

from task_service.contract import SCHEMA
from task_service.settings import LEAST_AUDIT_DAYS, VIEWER, SettingsError


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ({"stage": "Prod"}, ["stage='Prod'", "a-z 0-9 -"]),
        ({"stage": "a/b"}, ["stage"]),
        ({"stage": "dev\n\n- "}, ["stage"]),
        ({"stage": "x" * 19}, ["stage", "18"]),
        ({"stage": "dev-"}, ["stage"]),
        ({"stage": "account"}, ["stage='account'", "reserved"]),
        ({"stage": "teardown"}, ["stage='teardown'", "reserved"]),
        ({"architecture": "riscv"}, ["architecture='riscv'", "arm64", "x86_64"]),
        ({"principals": None}, ["-c principals=FILE", "tokenSha256", "-c auth=cognito", "-c issuers=FILE"]),
        ({"auth": "oidc"}, ["auth='oidc'", "tokens or cognito"]),
        ({"cognitoSelfSignUp": "true"}, ["cognitoSelfSignUp", "-c auth=cognito"]),
        ({"auth": "cognito", "cognitoDomain": "my-aws-tasks"}, ["cognitoDomain='my-aws-tasks'", "aws, amazon, cognito"]),
        ({"auth": "cognito", "cognitoDomain": "Tasks"}, ["cognitoDomain", "a-z 0-9"]),
        ({"auth": "cognito", "stage": "aws2", "allowedOrigins": "https://a.example"}, ["stage='aws2'", "-c cognitoDomain="]),
        (
            {"auth": "cognito", "stage": "blue", "allowedOrigins": "https://a.example"},
            ["'blue'", "-c cognitoCallbackUrls="],
        ),
        ({"auth": "cognito", "cognitoCallbackUrls": "http://a.example/"}, ["http://a.example/", "https"]),
        ({"auth": "cognito", "cognitoCallbackUrls": "https://a.example/#x"}, ["https://a.example/#x", "fragment"]),
        ({"auth": "cognito", "cognitoMfaRequired": "on"}, ["cognitoMfaRequired"]),
        ({"authorizerCacheSeconds": "3601"}, ["authorizerCacheSeconds", "0 to 3600"]),
        ({"stage": "prod"}, ["'prod'", "-c allowedOrigins="]),
        ({"allowedOrigins": "https://a.example/app"}, ["allowedOrigins", "https://a.example/app", "without a path"]),
        ({"allowedOrigins": "https://a.example,*"}, ["allowedOrigins", "`*` alone"]),
        ({"allowedOrigins": "https://a.example'"}, ["allowedOrigins"]),
        ({"allowedOrigins": " "}, ["allowedOrigins"]),
        ({"deletionProtection": "yes"}, ["deletionProtection='yes'", "true or false"]),
        ({"auditFreeText": "1"}, ["auditFreeText"]),
        ({"auditRetentionDays": "366"}, ["auditRetentionDays=366", "365", "400"]),
        ({"auditRetentionDays": "1"}, ["auditRetentionDays=1", "below 3", "rejects records older"]),
        ({"detailedMetrics": "on"}, ["detailedMetrics"]),
        ({"accessLogRetentionDays": "31"}, ["accessLogRetentionDays=31", "30", "60"]),
        ({"logRetentionDays": "never"}, ["logRetentionDays='never'", "whole number"]),
        ({"auditRetryAttempts": "-1"}, ["auditRetryAttempts"]),
        ({"throttleRate": "0"}, ["throttleRate"]),
        ({"throttleBurst": True}, ["throttleBurst"]),
        ({"auditSeal": "on"}, ["auditSeal='on'", "true or false"]),
        ({"auditSealLock": "legal"}, ["auditSealLock='legal'", "governance or compliance"]),
        ({"auditSeal": "false", "auditSealLock": "governance"}, ["auditSealLock", "auditSeal=false"]),
        ({"alarmTopicArn": "alarms"}, ["alarmTopicArn='alarms'", "SNS"]),
    ],
)
def test_a_wrong_value_is_refused_by_name(project: Project, context: dict[str, object], named: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        project.settings(**context)
    for part in named:
        assert part in str(caught.value)


def test_missing_functions_are_named_with_the_command_that_builds_them(project: Project, tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "bootstrap").touch()
    with pytest.raises(SettingsError) as caught:
        project.settings(assets=str(tmp_path))
    message = str(caught.value)
    assert "task-api/bootstrap, authorizer/bootstrap, docs/bootstrap" in message
    assert "audit/bootstrap" not in message
    assert "cargo lambda build" in message


def test_the_docs_page_needs_its_viewer(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (project.assets / VIEWER).unlink()
    with pytest.raises(SettingsError, match=r"swagger-ui-bundle.js.*cargo xtask deploy.*docs=false"):
        project.settings()
    assert not project.settings(docs="false").docs


def test_dev_is_disposable_and_every_other_stage_protected(project: Project) -> None:
    dev = project.settings()
    other = project.settings(stage="blue", allowedOrigins="https://a.example")
    assert (dev.stage, dev.architecture, dev.allowed_origins) == ("dev", "arm64", ["*"])
    assert (dev.deletion_protection, other.deletion_protection) == (False, True)
    assert (dev.seal.lock, other.seal.lock) == ("governance", "compliance")
    assert dev.retain_audit_log
    assert other.retain_audit_log


def test_the_least_audit_retention_outlasts_a_late_record(project: Project) -> None:
    assert LEAST_AUDIT_DAYS * 24 > SCHEMA["latestAuditHours"]
    assert project.settings(auditRetentionDays=str(LEAST_AUDIT_DAYS)).audit_retention_days == LEAST_AUDIT_DAYS


def test_a_retained_audit_log_is_protected_from_deletion_unless_told_otherwise(project: Project) -> None:
    assert project.settings().audit_deletion_protection
    assert not project.settings(auditDeletionProtection="false").audit_deletion_protection
    assert not project.settings(retainAuditLog="false").audit_deletion_protection
    with pytest.raises(SettingsError, match="auditDeletionProtection=true with retainAuditLog=false"):
        project.settings(retainAuditLog="false", auditDeletionProtection="true")


def test_values_may_come_as_json_too(project: Project) -> None:
    settings = project.settings(deletionProtection=True, auditRetentionDays=30, throttleRate=5)
    assert (settings.deletion_protection, settings.audit_retention_days, settings.throttle_rate) == (True, 30, 5)


def test_origins_are_trimmed_and_named_once(project: Project) -> None:
    settings = project.settings(allowedOrigins="https://a.example, http://localhost:5173,https://a.example")
    assert settings.allowed_origins == ["https://a.example", "http://localhost:5173"]


def test_a_user_pool_or_an_issuer_makes_the_principals_file_optional(project: Project, tmp_path: Path) -> None:
    alone = project.settings(principals=None, auth="cognito")
    assert alone.principals == []
    assert alone.cognito is not None
    assert alone.cognito.callback_urls == ["http://localhost:3000/signed-in"]
    assert not alone.cognito.self_sign_up
    path = tmp_path / "issuers.json"
    path.write_text(json.dumps([ISSUER]))
    assert project.settings(principals=None, issuers=str(path)).principals == []
    both = project.settings(auth="cognito", issuers=str(path))
    assert (len(both.principals), len(both.issuers), both.cognito is None) == (1, 1, False)
    assert project.settings().cognito is None


def test_the_app_prints_one_line_and_no_stack_trace(project: Project) -> None:
    context = json.dumps(project.context(stage="No Good"))
    run = subprocess.run(
        [sys.executable, str(APP_DIR / "app.py")],
        cwd=APP_DIR,
        env={**os.environ, "CDK_CONTEXT_JSON": context},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode != 0
    assert "error: stage='No Good' cannot be used" in run.stderr
    assert "Traceback" not in run.stderr
