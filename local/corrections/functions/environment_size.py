"""Correction: a function's environment variables are limited to 4 KB, as Lambda counts them.

What AWS does ("Lambda quotas", "CreateFunction"; the text of the refusal shows what is measured): the variables are measured as
one JSON object without spaces, names, quotes and escapes included. Over 4,096 bytes, CreateFunction and
UpdateFunctionConfiguration answer InvalidParameterValueException, and CloudFormation's resource fails with it.

What stock MiniStack does: takes any number of bytes.
"""

from __future__ import annotations

import json

from local.corrections.cloudformation.handlers import check_before, service_failure

LIMIT_BYTES = 4096
FUNCTION = "AWS::Lambda::Function"


def apply() -> None:
    from ministack.services import lambda_svc

    create, update = lambda_svc._create_function, lambda_svc._update_config
    lambda_svc._create_function = lambda data: _refused(data) or create(data)
    lambda_svc._update_config = lambda name, data: _refused(data) or update(name, data)
    check_before(FUNCTION, _demand)


def refusal(properties: dict) -> str | None:
    """Returns Lambda's refusal of variables that take too many bytes, else None."""
    variables = (properties.get("Environment") or {}).get("Variables") or {}
    text = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) <= LIMIT_BYTES:
        return None
    return (
        "Lambda was unable to configure your environment variables because the environment variables you have provided "
        f"exceeded the 4KB limit. String measured: {text}"
    )


def _refused(data: dict):
    from ministack.core.responses import error_response_json

    message = refusal(data)
    return error_response_json("InvalidParameterValueException", message, 400) if message else None


def _demand(properties: dict) -> None:
    message = refusal(properties)
    if message:
        raise service_failure(message, "Lambda", 400, "InvalidRequest")
