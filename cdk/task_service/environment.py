"""Checks Lambda's limit on a function's environment variables before a deployment, not at its end."""

import json
import re
from collections.abc import Mapping

# "Lambda quotas". Lambda measures one JSON object without spaces; local/corrections/functions/environment_size.py does the same.
LIMIT_BYTES = 4096
# Stands for a name known only at deployment; a table's name may be this long.
_UNKNOWN_NAME = "x" * 255
# The same within a longer text, which has only ids of a user pool and its clients (at most 55 and 128 characters), and regions.
_UNKNOWN_PART = "x" * 128
_MARK = re.compile(r"\$\{Token\[[^\]]*\]\}")

_ADVICE = {
    "PRINCIPALS": "remove principals whose tokens are no longer used, or shorten ids and owners",
    "ALLOWED_ORIGINS": "allow fewer origins",
    "ISSUERS": "trust fewer issuers, or fetch their keys (`jwksUri`) instead of pinning them (`jwks`)",
}


class EnvironmentSizeError(ValueError):
    """A function's variables take more bytes than Lambda allows; the message names the largest."""


def size(environment: Mapping[str, str]) -> int:
    """Returns the size of a function's variables in bytes as Lambda counts them, with quotes and escapes."""
    known = {name: _longest(value) for name, value in environment.items()}
    return len(json.dumps(known, separators=(",", ":"), ensure_ascii=False).encode())


def _longest(value: str) -> str:
    if _MARK.fullmatch(value):
        return _UNKNOWN_NAME
    return _MARK.sub(_UNKNOWN_PART, value)


def check_size(function: str, environment: Mapping[str, str]) -> None:
    found = size(environment)
    if found > LIMIT_BYTES:
        largest = max(environment, key=lambda name: size({name: environment[name]}))
        raise EnvironmentSizeError(
            f"the environment of {function} would take {found} bytes, but Lambda allows {LIMIT_BYTES}; {largest} is the "
            f"largest variable: {_ADVICE.get(largest, 'shorten it')}"
        )
