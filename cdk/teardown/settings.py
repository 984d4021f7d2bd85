"""The teardown app's settings: CDK context in, typed and checked values out. Every error says what to pass instead."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from constructs import Node

from task_service.names import STAGE, TEARDOWN
from task_service.settings import ARCHITECTURES, Context, SettingsError, alarm_topic, assets
from teardown.contract import NAMES, RANGES

BINARY = "teardown"
_PREFIX: str = NAMES["stackPrefix"]
DEFINITION = "../statemachine/teardown.asl.json"

# "IAM and AWS STS quotas": a role's inline policies together, white space not counted. The step function's role grows
# by some 1,500 characters a service; a test holds this number to the quota.
MOST_SERVICES = 4
# CloudFormation names a role <stack>-<logical id>-<random> and cuts the *stack's* part when that exceeds IAM's 64
# characters; the executor's patterns would then miss the role. The service app takes no longer stage, and a test holds
# this to its template's logical ids.
LONGEST_SERVICE = len(_PREFIX) + STAGE.longest
_DURATION = re.compile(r"([1-9][0-9]{0,5})(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
# Long enough for the deployment itself to end before the schedule begins; longer than a year is a typing error.
_SOONEST, _LATEST = timedelta(minutes=5), timedelta(days=366)


@dataclass(frozen=True, kw_only=True)
class TeardownSettings:
    teardown: str
    """The stack's name; every name in it begins with it."""
    services: tuple[str, ...]
    """Names of the service stacks it may remove."""
    assets: Path
    architecture: str
    definition: Path
    expires_in: timedelta | None
    expiry_notice_hours: int
    drain_seconds: int
    watch_seconds: int
    alarm_topic_arn: str | None
    evidence_protection: bool

    @classmethod
    def from_context(cls, node: Node, *, app_dir: Path) -> "TeardownSettings":
        """Reads `cdk -c name=value`. Relative paths count from `app_dir`, where `cdk` runs the app."""
        context = Context(node)
        teardown = _teardown(context)
        services = _services(context, teardown=teardown)
        return cls(
            teardown=teardown,
            services=services,
            assets=assets(context, app_dir, binaries=(BINARY,)),
            architecture=context.choice("architecture", ARCHITECTURES),
            definition=_definition(app_dir / context.text("definition", default=DEFINITION)),
            expires_in=_expires_in(context, services=services),
            expiry_notice_hours=context.integer("expiryNoticeHours", default=24, least=1, most=720),
            drain_seconds=context.integer("drainSeconds", **RANGES["drainSeconds"]),
            watch_seconds=context.integer("watchSeconds", **RANGES["watchSeconds"]),
            alarm_topic_arn=alarm_topic(context),
            evidence_protection=context.boolean("evidenceProtection", default=True),
        )


def _teardown(context: Context) -> str:
    name = context.text("teardown", default="tasks-teardown")
    if not TEARDOWN.allows(name):
        raise SettingsError(
            f"teardown={name!r} cannot be used: {TEARDOWN}, because the stack, its roles and its log groups are named by it"
        )
    return name


def _services(context: Context, *, teardown: str) -> tuple[str, ...]:
    value = context.text("services", default="tasks-dev")
    names = [name.strip() for name in value.split(",")]
    if not all(names):
        raise SettingsError(
            f"services={value!r} names no stack, or an empty one: pass -c services=tasks-dev[,tasks-prod…], the "
            "service stacks this workflow may remove"
        )
    for name in names:
        stage = name.removeprefix(_PREFIX)
        if stage == name or not STAGE.allows(stage):
            raise SettingsError(
                f"services has {name!r}: a service stack is named tasks-<stage> (the names of cdk/app.py); this "
                "workflow's permissions are made for the resources of such a stack"
            )
        # The permissions on a service are patterns: <service>-*. Neither may reach the teardown's own resources.
        if name == teardown or teardown.startswith(f"{name}-") or name.startswith(f"{teardown}-"):
            raise SettingsError(
                f"services has {name!r}, but the teardown stack is {teardown!r}: a teardown cannot remove itself, and "
                "neither name may continue the other; pass another -c teardown=NAME"
            )
    unique = tuple(dict.fromkeys(names))
    if len(unique) > MOST_SERVICES:
        raise SettingsError(
            f"services names {len(unique)} stacks: at most {MOST_SERVICES} fit in one role's policies; deploy a second "
            "teardown stack with another -c teardown=NAME"
        )
    return unique


def _definition(path: Path) -> Path:
    if not path.is_file():
        raise SettingsError(f"there is no state machine at {path.resolve()}: pass its file with -c definition=…")
    return path.resolve()


def _expires_in(context: Context, *, services: tuple[str, ...]) -> timedelta | None:
    text = context.optional_text("expiresIn")
    if text is None:
        return None
    parts = _DURATION.fullmatch(text)
    duration = timedelta(**{_UNITS[parts[2]]: int(parts[1])}) if parts else None
    if duration is None or not _SOONEST <= duration <= _LATEST:
        raise SettingsError(f"expiresIn={text!r} is no duration: pass 30m, 72h or 7d, from 5 minutes to 366 days")
    if len(services) > 1:
        raise SettingsError(
            f"expiresIn={text!r} with services={','.join(services)}: an expiry removes one service stack; deploy a "
            "teardown stack of its own for the one that expires (-c teardown=NAME -c services=ONE)"
        )
    return duration
