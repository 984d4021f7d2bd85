"""Correction: API Gateway's account setting changes once in 20 seconds, and no stage logs without it.

What AWS does ("Amazon API Gateway quotas", "UpdateAccount", "Set up CloudWatch logging for REST APIs in API Gateway"): the role
with which API Gateway writes logs is one setting per account and region. UpdateAccount takes one call in 20 seconds and answers
the next with TooManyRequestsException (429), for CloudFormation's ``AWS::ApiGateway::Account`` too: of two stacks that set it
at the same time, one fails. While it is not set, a stage with an access log or an execution log is refused.

What stock MiniStack does: takes any number of changes, and any stage.
"""

from __future__ import annotations

import json
import re
import time

from local.corrections.cloudformation.handlers import check_before, service_failure

SECONDS = 20
NO_ROLE = "CloudWatch Logs role ARN must be set in account settings to enable logging"
ACCOUNT, STAGE = "AWS::ApiGateway::Account", "AWS::ApiGateway::Stage"
_LOG_LEVEL = re.compile(r"/.+/logging/loglevel")

# (account, region) → when the setting last changed.
_changed: dict[tuple[str, str], float] = {}


def apply() -> None:
    from ministack.services import apigateway_v1 as gateway
    from ministack.services.cloudformation import provisioners

    account, stage = gateway._update_account, gateway._update_stage

    def update_account(data):
        if _too_early():
            return _error(429, "TooManyRequestsException", "Too Many Requests")
        return account(data)

    def update_stage(api_id, stage_name, data):
        if _patch_logs(data.get("patchOperations") or []) and not _role_is_set():
            return _error(400, "BadRequestException", NO_ROLE)
        return stage(api_id, stage_name, data)

    gateway._update_account, gateway._update_stage = update_account, update_stage
    provisioners._RESOURCE_HANDLERS[ACCOUNT].update(create=_create_account, update=_update_account)
    check_before(STAGE, _demand_the_role)


def _error(status: int, code: str, message: str):
    headers = {"Content-Type": "application/json", "x-amzn-errortype": code}
    return status, headers, json.dumps({"message": message}).encode()


def _too_early() -> bool:
    from ministack.core.responses import get_account_id, get_region

    where, now = (get_account_id(), get_region()), time.monotonic()
    if now - _changed.get(where, -SECONDS) < SECONDS:
        return True
    _changed[where] = now
    return False


def _role_is_set() -> bool:
    from ministack.services import apigateway_v1 as gateway

    return bool((gateway._account_settings.get("settings") or {}).get("cloudwatchRoleArn"))


def _patch_logs(operations: list[dict]) -> bool:
    """Tells whether a change to a stage switches one of its logs on."""

    def logs(operation: dict) -> bool:
        path, value = operation.get("path", ""), operation.get("value")
        level = _LOG_LEVEL.fullmatch(path.replace("~1", "/")) and str(value).upper() != "OFF"
        return operation.get("op") != "remove" and bool(value) and (level or path == "/accessLogSettings/destinationArn")

    return any(logs(operation) for operation in operations)


def _create_account(logical_id, props, *_):
    _set_role(props)
    return logical_id, {}


def _update_account(physical_id, _old_props, new_props, *_, **__):
    _set_role(new_props)
    return physical_id, {}


def _set_role(props: dict) -> None:
    from ministack.services import apigateway_v1 as gateway

    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": props.get("CloudWatchRoleArn")}
    status, _, body = gateway._update_account({"patchOperations": [change]})
    if status >= 400:
        code = "Throttling" if status == 429 else "InvalidRequest"
        raise service_failure(json.loads(body)["message"], "ApiGateway", status, code)


def _demand_the_role(props: dict) -> None:
    levels = {setting.get("LoggingLevel") or "OFF" for setting in props.get("MethodSettings") or []}
    access = (props.get("AccessLogSetting") or {}).get("DestinationArn")
    if (access or levels - {"OFF"}) and not _role_is_set():
        raise service_failure(NO_ROLE, "ApiGateway", 400, "InvalidRequest")
