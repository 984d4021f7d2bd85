"""The principals file, which lists who may call, checked before anything is deployed.

The authorizer receives the file as one environment variable. It holds the SHA-256 of each token, never a token. Someone may have
put a token there all the same, so an error names the place of a wrong hash and never repeats its value.

Only this module validates the file: `cargo xtask deploy` runs `python -m task_service.principals FILE` before it compiles anything.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from task_service import json_file
from task_service.names import PRINCIPAL

SCOPES = ("tasks:read", "tasks:write")

_FIELDS = ("id", "owner", "scopes", "tokenSha256")
_OPTIONAL = ("expiresAt",)
# RFC 3339, as the authorizer reads it (`Timestamp` in functions/tasks/src/task.rs).
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EMPTY_TOKEN = hashlib.sha256(b"").hexdigest()


class PrincipalsError(json_file.FileError):
    """The principals file cannot be used; the message names the entry and the field, and says what to do."""


@dataclass(frozen=True)
class Principal:
    id: str
    owner: str
    scopes: tuple[str, ...]
    token_sha256: str
    expires_at: str | None = None

    def to_json(self) -> dict[str, object]:
        entry = {"id": self.id, "owner": self.owner, "scopes": list(self.scopes), "tokenSha256": self.token_sha256}
        return entry if self.expires_at is None else {**entry, "expiresAt": self.expires_at}


def load(path: Path) -> list[Principal]:
    """Loads the principals from `path`, a JSON array of `{"id","owner","scopes","tokenSha256","expiresAt"?}`."""
    entries = json_file.read(path, "principals", PrincipalsError)
    if not isinstance(entries, list) or not entries:
        raise PrincipalsError(f"{path} must be a JSON array with at least one principal, otherwise nobody can call the API")
    principals = [_principal(entry, f"{path}: entry {index}") for index, entry in enumerate(entries)]
    _check_together(principals, path)
    return principals


def to_environment(principals: list[Principal]) -> str:
    """Returns the authorizer's `PRINCIPALS` variable, compact because all variables share 4 KiB (environment.py)."""
    return json.dumps([principal.to_json() for principal in principals], separators=(",", ":"))


def _principal(entry: object, where: str) -> Principal:
    if not isinstance(entry, dict):
        raise PrincipalsError(f"{where} must be an object with {', '.join(_FIELDS)}")
    if "token" in entry:
        raise PrincipalsError(f"{where} has the field `token`: store only its SHA-256, as `tokenSha256`")
    missing = [field for field in _FIELDS if field not in entry]
    if missing:
        raise PrincipalsError(f"{where} lacks `{missing[0]}`")
    unknown = [field for field in entry if field not in _FIELDS + _OPTIONAL]
    if unknown:
        raise PrincipalsError(f"{where} has the unknown field `{unknown[0]}`")
    return Principal(
        id=_name(entry["id"], f"{where}, field `id`"),
        owner=_name(entry["owner"], f"{where}, field `owner`"),
        scopes=_scopes(entry["scopes"], f"{where}, field `scopes`"),
        token_sha256=_sha256(entry["tokenSha256"], f"{where}, field `tokenSha256`"),
        expires_at=_timestamp(entry["expiresAt"], f"{where}, field `expiresAt`") if "expiresAt" in entry else None,
    )


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not PRINCIPAL.allows(value):
        raise PrincipalsError(f"{where} must be {PRINCIPAL}")
    return value


def _scopes(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise PrincipalsError(f"{where} must be a non-empty array of {', '.join(SCOPES)}")
    for scope in value:
        if scope not in SCOPES:
            raise PrincipalsError(f"{where} has the unknown scope {scope!r}; known are {', '.join(SCOPES)}")
    if len(set(value)) != len(value):
        raise PrincipalsError(f"{where} names a scope twice")
    return tuple(value)


def _sha256(value: object, where: str) -> str:
    digest = value.lower() if isinstance(value, str) else ""
    if not _SHA256.fullmatch(digest):
        raise PrincipalsError(
            f"{where} must be 64 hex digits, the SHA-256 of the token; the value there is something else. "
            "If it is the token itself, consider the token disclosed and create a new one"
        )
    if digest == _EMPTY_TOKEN:
        raise PrincipalsError(f"{where} is the SHA-256 of an empty token")
    return digest


def _timestamp(value: object, where: str) -> str:
    try:
        if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
            raise ValueError
        datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PrincipalsError(f"{where} must be an RFC 3339 timestamp, such as 2030-01-31T12:00:00Z") from error
    return value


def _check_together(principals: list[Principal], path: Path) -> None:
    by_hash: dict[str, int] = {}
    by_id: dict[str, int] = {}
    for index, principal in enumerate(principals):
        if principal.token_sha256 in by_hash:
            first = by_hash[principal.token_sha256]
            raise PrincipalsError(f"{path}: entries {first} and {index} have the same `tokenSha256`")
        by_hash[principal.token_sha256] = index
        # Listing the same principal with two tokens is how a token is rotated without downtime. A second principal with
        # the same id would make the actor in the audit log ambiguous.
        first = by_id.setdefault(principal.id, index)
        if (principals[first].owner, set(principals[first].scopes)) != (principal.owner, set(principal.scopes)):
            raise PrincipalsError(
                f"{path}: entries {first} and {index} have the same `id` but a different `owner` or different `scopes`; "
                "two entries may share an id only to rotate one principal's token"
            )


if __name__ == "__main__":
    json_file.judge(load)
