"""Lambda's limit on the environment variables of a function, checked here rather than at the end of a deployment."""

import json
from collections.abc import Mapping

from aws_cdk import Token

# "Lambda quotas". What is measured is one JSON object without spaces; local/corrections/functions/environment_size.py refuses the same.
LIMIT_BYTES = 4096
# A name that only the deployment knows: as long as that of a table may be.
_UNKNOWN_NAME = "x" * 255

_ADVICE = {
    "PRINCIPALS": "remove principals whose tokens are no longer used, or shorten ids and owners",
    "ALLOWED_ORIGINS": "allow fewer origins",
}


class EnvironmentSizeError(ValueError):
    """A function's variables take more bytes than Lambda allows; the text says which one takes most."""


def size(environment: Mapping[str, str]) -> int:
    """The bytes of a function's variables as Lambda counts them, quotes and escapes included."""
    known = {name: _UNKNOWN_NAME if Token.is_unresolved(value) else value for name, value in environment.items()}
    return len(json.dumps(known, separators=(",", ":"), ensure_ascii=False).encode())


def check_size(function: str, environment: Mapping[str, str]) -> None:
    found = size(environment)
    if found > LIMIT_BYTES:
        largest = max(environment, key=lambda name: size({name: environment[name]}))
        raise EnvironmentSizeError(
            f"the environment of {function} would hold {found} bytes, Lambda allows {LIMIT_BYTES}; {largest} takes most "
            f"of them: {_ADVICE.get(largest, 'shorten it')}"
        )
