"""Correction: API Gateway refuses the settings of a stage or the account that it refuses on AWS.

What AWS does ("UpdateStage", "UpdateAccount", API reference; "Patch operations"): a path that is not a setting, or a value that
the setting cannot have, is a BadRequestException, and nothing changes; the account's role has to exist and to trust
``apigateway.amazonaws.com``.

What stock MiniStack does: takes any path, any number, any role, and answers 500 to a limit that is not a number.
"""

from __future__ import annotations

import json
import re

_STAGE = (
    "/cacheClusterEnabled /cacheClusterSize /clientCertificateId /deploymentId /description /documentationVersion "
    "/tracingEnabled /accessLogSettings /accessLogSettings/destinationArn /accessLogSettings/format /canarySettings "
    "/canarySettings/deploymentId /canarySettings/percentTraffic /canarySettings/useStageCache"
).split()
# MiniStack's resource handler passes these as objects; the values of a client are strings.
_BY_TEMPLATE = ("/methodSettings", "/variables")
_OPEN = re.compile(r"/(variables|canarySettings/stageVariableOverrides)/\w+")
_LIMIT = re.compile(r"/.+/[A-Z*]+/throttling/(rateLimit|burstLimit)")
_METHOD = re.compile(
    r"/.+/[A-Z*]+(/(throttling/(rateLimit|burstLimit)|logging/(loglevel|dataTrace)|metrics/enabled"
    r"|caching/(enabled|ttlInSeconds|dataEncrypted|requireAuthorizationForCacheControl|unauthorizedCacheControlHeaderStrategy)))?"
)


def apply() -> None:
    from ministack.services import apigateway_v1 as gateway

    stage, account = gateway._update_stage, gateway._update_account

    def update_stage(api_id, stage_name, data):
        known = gateway._stages_v1.get(api_id, {}).get(stage_name) is not None
        problem = _stage_problem(data.get("patchOperations") or []) if known else None
        return _refused(problem) if problem else stage(api_id, stage_name, data)

    def update_account(data):
        problem = _account_problem(data.get("patchOperations") or [])
        return _refused(problem) if problem else account(data)

    gateway._update_stage, gateway._update_account = update_stage, update_account


def _refused(message: str):
    headers = {"Content-Type": "application/json", "x-amzn-errortype": "BadRequestException"}
    return 400, headers, json.dumps({"message": message}).encode()


def _stage_problem(operations: list[dict]) -> str | None:
    for operation in operations:
        path, verb = operation.get("path", ""), operation.get("op")
        plain = path.replace("~1", "/")
        if path in _BY_TEMPLATE and isinstance(operation.get("value"), dict):
            continue
        if path not in _STAGE and not _OPEN.fullmatch(path) and not _METHOD.fullmatch(plain):
            return f"Invalid patch path {path}"
        if verb not in ("add", "replace", "remove", "copy"):
            return f"Invalid patch operation specified. Must be 'add'|'remove'|'replace'|'move'|'copy'|'test': {verb}"
        limit = _LIMIT.fullmatch(plain)
        if limit and verb != "remove" and not _is_limit(str(operation.get("value")), limit[1]):
            return f"Invalid value specified for {path}"
    return None


def _is_limit(value: str, name: str) -> bool:
    return re.fullmatch(r"\d+" if name == "burstLimit" else r"\d+(\.\d+)?", value) is not None


def _account_problem(operations: list[dict]) -> str | None:
    from ministack.services import iam

    for operation in operations:
        role = operation.get("value")
        if operation.get("path") != "/cloudwatchRoleArn":
            return f"Invalid patch path {operation.get('path')}"
        if operation.get("op") != "remove" and role:
            known = iam._roles.get(role.rsplit("/", 1)[-1]) or {}
            if known.get("Arn") != role or "apigateway.amazonaws.com" not in str(known.get("AssumeRolePolicyDocument")):
                return (
                    "The role ARN does not have required permissions configured. Please grant trust permission for API "
                    "Gateway and add the required role policy."
                )
    return None
