"""The app's settings, parsed from CDK context into typed and checked values. Every error says what to pass instead."""

import re
from dataclasses import dataclass
from pathlib import Path

from constructs import Node

from task_service import issuers, principals
from task_service.issuers import Issuer
from task_service.names import STAGE
from task_service.principals import Principal

BINARIES = ("task-api", "authorizer", "docs", "audit", "notary")
VIEWER = "docs/viewer/swagger-ui-bundle.js"
ARCHITECTURES = ("arm64", "x86_64")
# Who signs callers in besides the principals file: nobody, or a user pool in the stack.
AUTH = ("tokens", "cognito")
# Who may delete a checkpoint before its time: nobody, or who has a permission for it.
SEAL_LOCKS = ("compliance", "governance")
_OF_COGNITO = (
    "cognitoCallbackUrls",
    "cognitoDomain",
    "cognitoJwksUri",
    "cognitoMachineClient",
    "cognitoMfaRequired",
    "cognitoSelfSignUp",
)
DEV_CALLBACK = "http://localhost:3000/signed-in"

# PutRetentionPolicy accepts only these numbers of days.
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip

LEAST_AUDIT_DAYS = 3

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
# "AWS::Cognito::UserPoolDomain": it must not contain these words.
_DOMAIN = re.compile(r"(?!.*(?:aws|amazon|cognito))[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Cognito takes https, http for localhost, and an app's own scheme ("CallbackURLs").
_CALLBACK = re.compile(r"https://[^\s#,]+|http://localhost(?::[0-9]{1,5})?(?:/[^\s#,]*)?|(?!https?:)[a-z][a-z0-9+.-]*://[^\s#,]*")
_TOPIC_ARN = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+")


class SettingsError(ValueError):
    """A context value is missing or wrong."""


@dataclass(frozen=True, kw_only=True)
class CognitoSettings:
    domain: str | None
    """The hosted UI's prefix; by default one made from stage and account."""
    callback_urls: list[str]
    self_sign_up: bool
    mfa_required: bool
    machine_client: bool
    jwks_uri: str | None
    """Where the keys are fetched if not from the issuer, with `{pool}` for the pool's id."""


@dataclass(frozen=True, kw_only=True)
class SealSettings:
    lock: str
    """`compliance`: nobody can delete a checkpoint before its time, not even the account's root. `governance`: who has
    `s3:BypassGovernanceRetention` can."""
    retention_days: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    stage: str
    architecture: str
    assets: Path
    principals: list[Principal]
    issuers: list[Issuer]
    cognito: CognitoSettings | None
    authorizer_cache_seconds: int
    allowed_origins: list[str]
    docs: bool
    deletion_protection: bool
    retain_audit_log: bool
    audit_deletion_protection: bool
    audit_free_text: bool
    audit_retention_days: int
    seal: SealSettings | None
    access_log_retention_days: int
    log_retention_days: int
    audit_retry_attempts: int
    throttle_rate: int
    throttle_burst: int
    detailed_metrics: bool
    alarm_topic_arn: str | None

    @property
    def rate_limit_policy(self) -> str:
        """Returns the throttle as a `RateLimit-Policy` header (the IETF draft "RateLimit header fields for HTTP")."""
        return f'"default";q={self.throttle_rate};w=1'

    @classmethod
    def from_context(cls, node: Node, *, app_dir: Path) -> "Settings":
        """Reads `cdk -c name=value`. Relative paths start from `app_dir`, where `cdk` runs the app."""
        context = Context(node)
        stage = context.text("stage", default="dev")
        if not STAGE.allows(stage):
            raise SettingsError(
                f"stage={stage!r} cannot be used: {STAGE}. It becomes part of the names of the stack and the functions, "
                "and of the API's path"
            )
        disposable = stage == "dev"
        cognito = _cognito(context, stage)
        issuers_path = context.optional_text("issuers")
        trusted = [] if issuers_path is None else issuers.load(app_dir / issuers_path)
        retain_audit_log = context.boolean("retainAuditLog", default=True)
        docs = context.boolean("docs", default=disposable)
        return cls(
            stage=stage,
            architecture=context.choice("architecture", ARCHITECTURES),
            assets=_service_assets(context, app_dir, docs=docs),
            principals=_principals(context, app_dir, required=cognito is None and not trusted),
            issuers=trusted,
            cognito=cognito,
            authorizer_cache_seconds=context.integer("authorizerCacheSeconds", default=300, least=0, most=3600),
            allowed_origins=_origins(context, stage=stage, any_by_default=disposable),
            docs=docs,
            deletion_protection=context.boolean("deletionProtection", default=not disposable),
            retain_audit_log=retain_audit_log,
            audit_deletion_protection=_audit_deletion_protection(context, retained=retain_audit_log),
            audit_free_text=context.boolean("auditFreeText", default=False),
            audit_retention_days=_audit_days(context),
            seal=_seal(context, disposable=disposable),
            access_log_retention_days=context.days("accessLogRetentionDays", default=365),
            log_retention_days=context.days("logRetentionDays", default=30),
            audit_retry_attempts=context.integer("auditRetryAttempts", default=100, least=1, most=10_000),
            throttle_rate=context.integer("throttleRate", default=500, least=1, most=10_000),
            throttle_burst=context.integer("throttleBurst", default=1000, least=1, most=10_000),
            detailed_metrics=context.boolean("detailedMetrics", default=False),
            alarm_topic_arn=alarm_topic(context),
        )


def _audit_deletion_protection(context: "Context", *, retained: bool) -> bool:
    protected = context.boolean("auditDeletionProtection", default=retained)
    if protected and not retained:
        raise SettingsError(
            "auditDeletionProtection=true with retainAuditLog=false: CloudFormation could never delete the stack, because "
            "it would have to delete the protected audit log; leave one of the two out"
        )
    return protected


class Context:
    """CDK context, whose values are strings from the command line and JSON values from cdk.json."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def given(self, name: str) -> bool:
        return self._node.try_get_context(name) is not None

    def optional_text(self, name: str) -> str | None:
        value = self._node.try_get_context(name)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise SettingsError(f"{name} must be a non-empty text")
        return value.strip()

    def text(self, name: str, *, default: str) -> str:
        return self.optional_text(name) or default

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default=allowed[0])
        if value not in allowed:
            raise SettingsError(f"{name}={value!r} is unknown: pass {' or '.join(allowed)}")
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self._node.try_get_context(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        if value not in ("true", "false"):
            raise SettingsError(f"{name}={value!r} must be true or false")
        return value == "true"

    def integer(self, name: str, *, default: int, least: int, most: int) -> int:
        value = self._node.try_get_context(name)
        if value is None:
            return default
        # Digits only: int() would also accept True, 1.5 and "1_000".
        digits = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if not re.fullmatch(r"[0-9]{1,9}", digits) or not least <= int(digits) <= most:
            raise SettingsError(f"{name}={value!r} must be a whole number from {least} to {most}")
        return int(digits)

    def days(self, name: str, *, default: int) -> int:
        value = self.integer(name, default=default, least=1, most=RETENTION_DAYS[-1])
        if value not in RETENTION_DAYS:
            raise SettingsError(f"{name}={value}: CloudWatch Logs supports {', '.join(map(str, RETENTION_DAYS))} days")
        return value


def _service_assets(context: Context, app_dir: Path, *, docs: bool) -> Path:
    folder = assets(context, app_dir, binaries=BINARIES)
    if docs and not (folder / VIEWER).is_file():
        raise SettingsError(
            f"{folder} lacks {VIEWER}, the viewer of the docs page: let `cargo xtask deploy` put it there, or switch the page "
            "off with -c docs=false"
        )
    return folder


def assets(context: Context, app_dir: Path, *, binaries: tuple[str, ...]) -> Path:
    folder = app_dir / context.text("assets", default="../target/lambda")
    absent = [binary for binary in binaries if not (folder / binary / "bootstrap").is_file()]
    if absent:
        raise SettingsError(
            f"{folder.resolve()} lacks {', '.join(f'{binary}/bootstrap' for binary in absent)}: "
            "build the functions with `cargo lambda build --release --arm64` (without --arm64 for x86_64), "
            "or let `cargo xtask deploy` do both, or pass another folder with -c assets=…"
        )
    return folder.resolve()


def _principals(context: Context, app_dir: Path, *, required: bool) -> list[Principal]:
    path = context.optional_text("principals")
    if path is not None:
        return principals.load(app_dir / path)
    if required:
        raise SettingsError(
            "nobody could call this API: pass -c principals=FILE, a JSON array of "
            '{"id":"alice","owner":"team-a","scopes":["tasks:read","tasks:write"],"tokenSha256":"<64 hex>"} '
            '(the SHA-256 of a token: printf %s "$TOKEN" | sha256sum), or accept JWTs with -c auth=cognito or -c issuers=FILE'
        )
    return []


def _cognito(context: Context, stage: str) -> CognitoSettings | None:
    if context.choice("auth", AUTH) != "cognito":
        given = [name for name in _OF_COGNITO if context.given(name)]
        if given:
            raise SettingsError(f"{given[0]} is a setting of the user pool: pass -c auth=cognito too, or leave it out")
        return None
    domain = context.optional_text("cognitoDomain")
    if not _DOMAIN.fullmatch(domain or f"tasks-{stage}"):
        raise SettingsError(
            f"{f'cognitoDomain={domain!r}' if domain else f'stage={stage!r} in the domain of the hosted UI'} cannot be used: "
            "1 to 63 characters of a-z 0-9 -, no - at an end, and none of the words aws, amazon, cognito; "
            "pass another with -c cognitoDomain=…"
        )
    return CognitoSettings(
        domain=domain,
        callback_urls=_callback_urls(context, stage),
        self_sign_up=context.boolean("cognitoSelfSignUp", default=False),
        mfa_required=context.boolean("cognitoMfaRequired", default=False),
        machine_client=context.boolean("cognitoMachineClient", default=False),
        jwks_uri=context.optional_text("cognitoJwksUri"),
    )


def _callback_urls(context: Context, stage: str) -> list[str]:
    value = context.optional_text("cognitoCallbackUrls")
    if value is None and stage != "dev":
        raise SettingsError(
            f"stage {stage!r} needs -c cognitoCallbackUrls=https://app.example.com/signed-in[,…], where the hosted UI sends "
            f"who has signed in (only stage dev has a default, {DEV_CALLBACK})"
        )
    urls = [url.strip() for url in (value or DEV_CALLBACK).split(",")]
    for url in urls:
        if not _CALLBACK.fullmatch(url):
            raise SettingsError(
                f"cognitoCallbackUrls has {url!r}: a callback is an https URL without a fragment, one of http://localhost, or "
                "one of an app's own scheme"
            )
    return list(dict.fromkeys(urls))


def _origins(context: Context, *, stage: str, any_by_default: bool) -> list[str]:
    value = context.optional_text("allowedOrigins")
    if value is None and not any_by_default:
        raise SettingsError(
            f"stage {stage!r} needs -c allowedOrigins=https://app.example.com[,https://…], the browser origins that "
            "may call it (only stage dev allows every origin by default)"
        )
    origins = [origin.strip() for origin in (value or "*").split(",")]
    if origins == ["*"]:
        return origins
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"allowedOrigins has {origin!r}: an origin is scheme://host[:port] without a path, or `*` alone"
            )
    return list(dict.fromkeys(origins))


def _audit_days(context: Context) -> int:
    """Reads the audit log's retention, which must be longer than a record may be late.

    PutLogEvents rejects events older than the group's retention. The audit function gives a record the time of its change,
    up to 36 h back (stream.rs): so long may it wait in the stream and in a batch that is retried.
    """
    days = context.days("auditRetentionDays", default=365)
    if days < LEAST_AUDIT_DAYS:
        raise SettingsError(
            f"auditRetentionDays={days} is below {LEAST_AUDIT_DAYS}: a record may reach the log a day and a half after its "
            "change, and CloudWatch Logs rejects records older than the retention"
        )
    return days


def _seal(context: Context, *, disposable: bool) -> SealSettings | None:
    """Reads how the audit log is sealed; a checkpoint is locked for as long as the records that it seals are kept."""
    if not context.boolean("auditSeal", default=True):
        if context.given("auditSealLock"):
            raise SettingsError("auditSealLock is a setting of the seal, which auditSeal=false leaves out: leave one of the two out")
        return None
    # Nothing in a stage that is removed again and again is evidence.
    locks = tuple(reversed(SEAL_LOCKS)) if disposable else SEAL_LOCKS
    return SealSettings(lock=context.choice("auditSealLock", locks), retention_days=_audit_days(context))


def alarm_topic(context: Context) -> str | None:
    """Returns the ARN of the topic that alarms notify, if there is one."""
    arn = context.optional_text("alarmTopicArn")
    if arn is not None and not _TOPIC_ARN.fullmatch(arn):
        raise SettingsError(f"alarmTopicArn={arn!r} is not the ARN of an SNS topic")
    return arn
