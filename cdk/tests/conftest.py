"""Fixtures that synthesise each configuration once per run: starting the CDK takes seconds, reading a template no time."""

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pytest

# Every process of jsii prints a banner about Node's end of life, which would bury a failure's message.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,22")

from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from task_service.account_stack import AccountStack
from task_service.service_stack import ServiceStack
from task_service.settings import BINARIES, VIEWER, Settings
from teardown.settings import BINARY, LONGEST_SERVICE, MOST_SERVICES, TeardownSettings
from teardown.stack import TeardownStack

APP_DIR = Path(__file__).resolve().parent.parent

PRINCIPAL = {
    "id": "alice",
    "owner": "team-a",
    "scopes": ["tasks:read", "tasks:write"],
    "tokenSha256": hashlib.sha256(b"a token").hexdigest(),
}


@dataclass(frozen=True)
class Synthesised:
    app: App
    stack: Stack
    template: Template
    path: Path

    # Once: the template comes over from the CDK's process, and tests ask for it thousands of times.
    @cached_property
    def resources(self) -> dict[str, dict]:
        return self.template.to_json()["Resources"]

    def of_type(self, resource_type: str) -> dict[str, dict]:
        return {name: found for name, found in self.resources.items() if found["Type"] == resource_type}

    def only(self, resource_type: str, **properties: object) -> dict:
        """Returns the one resource of this type with these properties."""
        found = [
            resource
            for resource in self.of_type(resource_type).values()
            if all(resource["Properties"].get(name) == value for name, value in properties.items())
        ]
        assert len(found) == 1, f"{len(found)} resources of type {resource_type} with {properties}"
        return found[0]

    def id_of(self, resource_type: str, beginning: str) -> str:
        """Returns the logical id of the one resource of this type whose logical id begins so."""
        (found,) = [name for name in self.of_type(resource_type) if name.startswith(beginning)]
        return found

    @property
    def task_table(self) -> str:
        return self.id_of("AWS::DynamoDB::Table", "Tasks")

    @property
    def failure_bucket(self) -> str:
        return self.id_of("AWS::S3::Bucket", "Audit")


class Project:
    """A folder with built functions and a principals file, as `cargo xtask` leaves them."""

    def __init__(self, folder: Path) -> None:
        self.assets = folder / "lambda"
        for binary in BINARIES:
            (self.assets / binary).mkdir(parents=True)
            (self.assets / binary / "bootstrap").write_text("#!/bin/sh\nexit 1\n")
        (self.assets / VIEWER).parent.mkdir()
        (self.assets / VIEWER).touch()
        self.principals = folder / "principals.json"
        self.principals.write_text(json.dumps([PRINCIPAL]))

    def context(self, **overrides: object) -> dict[str, object]:
        return {"assets": str(self.assets), "principals": str(self.principals), **overrides}

    def settings(self, **overrides: object) -> Settings:
        return Settings.from_context(App(context=self.context(**overrides)).node, app_dir=APP_DIR)

    def build(self, outdir: Path, **overrides: object) -> tuple[App, ServiceStack]:
        app = app_like_cdks(self.context(**overrides), outdir)
        settings = Settings.from_context(app.node, app_dir=APP_DIR)
        return app, ServiceStack(app, f"tasks-{settings.stage}", settings=settings)

    def synthesise(self, outdir: Path, **overrides: object) -> Synthesised:
        return synthesised(*self.build(outdir, **overrides), outdir)


class TeardownProject:
    """The same for the teardown app, with the real state machine."""

    NOW = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)

    def __init__(self, folder: Path) -> None:
        self.assets = folder / "lambda"
        (self.assets / BINARY).mkdir(parents=True)
        (self.assets / BINARY / "bootstrap").write_text("#!/bin/sh\nexit 1\n")

    def context(self, **overrides: object) -> dict[str, object]:
        return {"assets": str(self.assets), **overrides}

    def settings(self, **overrides: object) -> TeardownSettings:
        return TeardownSettings.from_context(App(context=self.context(**overrides)).node, app_dir=APP_DIR)

    def build(self, outdir: Path, **overrides: object) -> tuple[App, TeardownStack]:
        app = app_like_cdks(self.context(**overrides), outdir)
        settings = TeardownSettings.from_context(app.node, app_dir=APP_DIR)
        return app, TeardownStack(app, settings.teardown, settings=settings, now=self.NOW)

    def synthesise(self, outdir: Path, **overrides: object) -> Synthesised:
        return synthesised(*self.build(outdir, **overrides), outdir)


def app_like_cdks(context: dict[str, object], outdir: Path) -> App:
    """Returns the app as `cdk` runs it, with the feature flags of cdk.json."""
    flags = json.loads((APP_DIR / "cdk.json").read_text())["context"]
    return App(context={**flags, **context}, outdir=str(outdir), analytics_reporting=False)


def synthesised(app: App, stack: Stack, outdir: Path) -> Synthesised:
    template = Template.from_stack(stack)
    path = outdir / f"{stack.stack_name}.json"
    path.write_text(json.dumps(template.to_json(), indent=1))
    return Synthesised(app=app, stack=stack, template=template, path=path)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def dev(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The stack with every setting at its default."""
    return project.synthesise(tmp_path_factory.mktemp("dev"))


@pytest.fixture(scope="session")
def prod(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The stack with every setting changed from its default."""
    return project.synthesise(
        tmp_path_factory.mktemp("prod"),
        stage="prod",
        architecture="x86_64",
        allowedOrigins="https://a.example,https://b.example:8443",
        auditFreeText="true",
        retainAuditLog="false",
        auditRetentionDays="731",
        auditSealLock="governance",
        accessLogRetentionDays="90",
        logRetentionDays="7",
        auditRetryAttempts="5",
        throttleRate="20",
        throttleBurst="40",
        detailedMetrics="true",
        alarmTopicArn="arn:aws:sns:us-east-1:000000000000:alarms",
        authorizerCacheSeconds="60",
        auth="cognito",
        cognitoCallbackUrls="https://a.example/signed-in,myapp://signed-in",
        cognitoDomain="tasks-of-the-shop",
        cognitoMachineClient="true",
        cognitoMfaRequired="true",
        cognitoSelfSignUp="true",
    )


@pytest.fixture(scope="session")
def unsealed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """A disposable stack whose audit log is not sealed."""
    return project.synthesise(tmp_path_factory.mktemp("unsealed"), auditSeal="false")


@pytest.fixture(scope="session")
def cognito(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """A disposable stack with a user pool whose settings are at their defaults, and no token."""
    return project.synthesise(tmp_path_factory.mktemp("cognito"), auth="cognito", principals=None)


@pytest.fixture(scope="session", params=["dev", "prod"])
def each(request: pytest.FixtureRequest) -> Synthesised:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    outdir = tmp_path_factory.mktemp("account")
    app = app_like_cdks({}, outdir)
    return synthesised(app, AccountStack(app), outdir)


@pytest.fixture(scope="session")
def teardown_project(tmp_path_factory: pytest.TempPathFactory) -> TeardownProject:
    return TeardownProject(tmp_path_factory.mktemp("teardown-project"))


@pytest.fixture(scope="session")
def teardown(teardown_project: TeardownProject, tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The stack with every setting at its default."""
    return teardown_project.synthesise(tmp_path_factory.mktemp("teardown"))


@pytest.fixture(scope="session")
def expiring(teardown_project: TeardownProject, tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """Every setting changed from its default, and only one service, as an expiry requires."""
    return teardown_project.synthesise(
        tmp_path_factory.mktemp("expiring"),
        teardown="shop-undo",
        services="tasks-blue",
        architecture="x86_64",
        expiresIn="72h",
        expiryNoticeHours="6",
        drainSeconds="30",
        watchSeconds="90",
    )


@pytest.fixture(scope="session")
def crowd(teardown_project: TeardownProject, tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """As many services as the stack accepts, with the longest names."""
    services = ",".join(f"tasks-s{n}".ljust(LONGEST_SERVICE, "x") for n in range(MOST_SERVICES))
    return teardown_project.synthesise(tmp_path_factory.mktemp("crowd"), services=services)


@pytest.fixture(scope="session", params=["teardown", "expiring", "crowd"])
def each_teardown(request: pytest.FixtureRequest) -> Synthesised:
    return request.getfixturevalue(request.param)
