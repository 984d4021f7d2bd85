"""Rotates a user pool's keys, and signs tokens with them, as Cognito never does on request (``POST /_local/cognito/…``).

AWS rotates keys when it sees fit, and says neither when nor for how long the old ones stay in the key set ("Verifying JSON web
tokens": "might rotate signing keys"). Here a rotated key stays, unless told otherwise.
"""

from __future__ import annotations

import json

from local.door.faults import BadRule

# Pool id → the public keys that were rotated away and are still shown.
_RETIRED: dict[str, list[dict]] = {}


def rotate(given) -> dict:
    """Gives a pool new keys; ``{"pool", "keepOld": true}``. Returns the ids of the keys that its key set has now."""
    from ministack.services import cognito

    pool = _pool(given, "keepOld")
    keep = given.get("keepOld", True)
    if not isinstance(keep, bool):
        raise BadRule("keepOld is true or false")
    old = _current(pool)
    cognito._drop_pool_keys(pool)
    _RETIRED[pool] = [*_RETIRED.get(pool, []), *old] if keep else []
    return {"kids": [key["kid"] for key in [*_current(pool), *_RETIRED[pool]]]}


def token(given) -> dict:
    """Signs claims with the key of a pool's access tokens: ``{"pool", "claims": {…}}``. Nothing is filled in or checked."""
    from ministack.services import cognito

    pool = _pool(given, "claims")
    if not isinstance(given.get("claims"), dict):
        raise BadRule("claims is an object")
    return {"token": cognito._signed_jwt(given["claims"], pool, "access")}


def show_retired_keys() -> None:
    """Puts retired keys into the key sets."""
    from ministack.services import cognito

    key_set = cognito.well_known_jwks

    def with_retired(pool: str):
        status, headers, body = key_set(pool)
        keys = json.loads(body)["keys"] + _RETIRED.get(pool, [])
        return status, headers, json.dumps({"keys": keys}).encode()

    cognito.well_known_jwks = with_retired


def _pool(given, other: str) -> str:
    from ministack.services import cognito

    pool = given.get("pool") if isinstance(given, dict) else None
    if not isinstance(pool, str) or set(given) - {"pool", other}:
        raise BadRule(f"the body has pool, the id of a user pool, and {other}")
    if cognito._get_pool_unscoped(pool) is None:
        raise BadRule(f"there is no user pool {pool}")
    return pool


def _current(pool: str) -> list[dict]:
    from ministack.services import cognito

    return [cognito._pool_signing_key(pool, use)[1] for use in cognito._POOL_KEY_USES]
