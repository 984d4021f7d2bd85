"""The issuers file, which lists whose JWTs are accepted beside the stack's own user pool, checked before anything is deployed.

The authorizer receives it, together with the user pool, as its variable `ISSUERS`, and checks it again when it starts.
`cargo xtask deploy` runs `python -m task_service.issuers FILE` before it compiles anything.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from task_service import json_file
from task_service.names import PRINCIPAL
from task_service.principals import SCOPES, Principal

ALGORITHMS = ("RS256", "ES256", "EdDSA")
# An ID token tells an app who signed in; it is nothing to call an API with.
TOKEN_USES = ("access",)

# Nothing that could end a quoted text: ids and owners stand in logs, and API Gateway's escapes nothing.
_PREFIX = re.compile(r"[!#-\[\]-~]{1,64}")
_REQUIRED = ("issuer", "algorithms", "ownerPrefix")
_OPTIONAL = {
    "audience": None,
    "clientIds": None,
    "tokenUse": None,
    "jwks": None,
    "jwksUri": None,
    "ownerClaim": "sub",
    "scopeClaim": "scope",
    "scopes": {scope: scope for scope in SCOPES},
}

Issuer = Mapping[str, object]


class IssuersError(json_file.FileError):
    """The issuers file cannot be used; the message names the entry and the member, and says what to do."""


def load(path: Path) -> list[Issuer]:
    """Loads the issuers from `path`, a JSON array in the shape of `ISSUERS`, with its defaults filled in."""
    entries = json_file.read(path, "issuers", IssuersError)
    if not isinstance(entries, list) or not entries:
        raise IssuersError(f"{path} must be a JSON array with at least one issuer; without any, leave the setting out")
    issuers = [_issuer(entry, f"{path}: entry {index}") for index, entry in enumerate(entries)]
    names = [issuer["issuer"] for issuer in issuers]
    for name in names:
        if names.count(name) > 1:
            raise IssuersError(f"{path} has the issuer {name} twice: give one entry all of its audiences")
    return issuers


def check_owners(issuers: Sequence[Issuer], principals: Sequence[Principal]) -> None:
    """Refuses owners that could be of two origins: one issuer's user would be taken for another's, or for a token's."""
    prefixes = [str(issuer["ownerPrefix"]) for issuer in issuers]
    for place, prefix in enumerate(prefixes):
        for other in prefixes[:place]:
            if prefix.startswith(other) or other.startswith(prefix):
                raise IssuersError(
                    f"the ownerPrefix {prefix!r} of {issuers[place]['issuer']} and {other!r} of another issuer: neither may begin "
                    "with the other"
                )
        for principal in principals:
            if principal.id.startswith(prefix) or principal.owner.startswith(prefix):
                raise IssuersError(
                    f"the principal {principal.id} begins with {prefix!r}, or its owner does: the ownerPrefix of {issuers[place]['issuer']}"
                )


def to_environment(issuers: Sequence[Issuer]) -> str:
    """Returns the authorizer's `ISSUERS` variable, compact because all variables share 4 KiB (environment.py)."""
    return json.dumps(list(issuers), separators=(",", ":"))


def _issuer(entry: object, where: str) -> Issuer:
    if not isinstance(entry, dict):
        raise IssuersError(f"{where} must be an object with {', '.join((*_REQUIRED, *_OPTIONAL))}")
    for member in _REQUIRED:
        if member not in entry:
            raise IssuersError(f"{where} lacks `{member}`")
    for member in entry:
        if member not in _REQUIRED and member not in _OPTIONAL:
            raise IssuersError(f"{where} has the unknown member `{member}`")
    issuer = {**{name: value for name, value in _OPTIONAL.items() if value is not None}, **entry}
    _check_url(issuer["issuer"], f"{where}, member `issuer`")
    _check_recipients(issuer, where)
    _check_list(issuer["algorithms"], ALGORITHMS, f"{where}, member `algorithms`")
    _check_keys(issuer, where)
    for member in ("ownerClaim", "scopeClaim"):
        _check_text(issuer[member], f"{where}, member `{member}`")
    _check_prefix(issuer["ownerPrefix"], f"{where}, member `ownerPrefix`")
    _check_scopes(issuer["scopes"], f"{where}, member `scopes`")
    return issuer


def _check_recipients(issuer: Issuer, where: str) -> None:
    """Refuses an entry that does not say for whom its tokens must be made: an issuer also makes tokens for other services."""
    if ("audience" in issuer) == ("clientIds" in issuer):
        raise IssuersError(
            f"{where} needs either `audience` (the values of `aud` that mean this service) or, for access tokens of Cognito, "
            "which have no `aud`, `clientIds` with `tokenUse`"
        )
    member = "audience" if "audience" in issuer else "clientIds"
    _check_list(issuer[member], None, f"{where}, member `{member}`")
    if ("clientIds" in issuer) != ("tokenUse" in issuer):
        raise IssuersError(f"{where}: `clientIds` and `tokenUse` go together")
    if "tokenUse" in issuer and issuer["tokenUse"] not in TOKEN_USES:
        raise IssuersError(f"{where}, member `tokenUse` must be {' or '.join(TOKEN_USES)}")


def _check_prefix(value: object, where: str) -> None:
    """Refuses an entry without a prefix: one that gets a second issuer later could not give its owners one any more."""
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise IssuersError(
            f"{where} must be 1 to 64 visible ASCII characters other than \" and \\, such as `login:`: every owner of this "
            "issuer begins with it, and no other"
        )
    for name in PRINCIPAL.reserved:
        if name.startswith(value):
            raise IssuersError(
                f"{where} is {value!r}, with which the audit log's own name {name!r} begins: take one that ends in a colon, such "
                "as `login:`"
            )


def _check_keys(issuer: Issuer, where: str) -> None:
    if "jwks" not in issuer and "jwksUri" not in issuer:
        raise IssuersError(f"{where} needs `jwks` (the issuer's keys, pinned), `jwksUri` (where they are fetched), or both")
    if "jwksUri" in issuer:
        _check_url(issuer["jwksUri"], f"{where}, member `jwksUri`")
    if "jwks" in issuer:
        jwks = issuer["jwks"]
        keys = jwks.get("keys") if isinstance(jwks, dict) else None
        if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) and "kty" in key for key in keys):
            raise IssuersError(f"{where}, member `jwks` must be a JWK set (RFC 7517): {{\"keys\": […]}}")
        if any(secret in key for key in keys for secret in ("d", "k")):
            raise IssuersError(
                f"{where}, member `jwks` holds a private or secret key: only public keys belong there. Consider the key disclosed"
            )


def _check_scopes(value: object, where: str) -> None:
    if not isinstance(value, dict) or not value:
        raise IssuersError(f"{where} must be an object: a scope of the issuer → {' or '.join(SCOPES)}")
    for theirs, ours in value.items():
        if not theirs or any(character.isspace() for character in theirs):
            raise IssuersError(f"{where} has {theirs!r}, which is no scope: a scope is not empty and has no spaces")
        if ours not in SCOPES:
            raise IssuersError(f"{where} maps {theirs!r} to {ours!r}; known are {', '.join(SCOPES)}")


def _check_list(value: object, allowed: Sequence[str] | None, where: str) -> None:
    if not isinstance(value, list) or not value:
        raise IssuersError(f"{where} must be a non-empty array")
    for item in value:
        _check_text(item, where)
        if allowed is not None and item not in allowed:
            raise IssuersError(f"{where} has {item!r}; known are {', '.join(allowed)}")


def _check_text(value: object, where: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise IssuersError(f"{where} must be a non-empty text")


def _check_url(value: object, where: str) -> None:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise IssuersError(f"{where} must be an https URL without query and fragment")


if __name__ == "__main__":
    json_file.judge(load)
