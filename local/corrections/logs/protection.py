"""Correction: a log group with deletion protection is not deleted.

What AWS does ("Protecting log groups from deletion", "PutLogGroupDeletionProtection", "AWS::Logs::LogGroup" in the template
reference): CreateLogGroup, PutLogGroupDeletionProtection and the property DeletionProtectionEnabled switch the protection on
and off, DescribeLogGroups shows it, and DeleteLogGroup answers ValidationException "Cannot delete log group with deletion
protection enabled. Disable deletion protection first.", so that CloudFormation fails to delete the resource. A new template
without the property switches it off.

What stock MiniStack does: drops the property, does not know the call, and deletes the group.
"""

from __future__ import annotations

import json

from local.corrections.cloudformation.handlers import complete_after, service_failure
from local.corrections.logs import calls

GROUP = "AWS::Logs::LogGroup"
REFUSAL = "Cannot delete log group with deletion protection enabled. Disable deletion protection first."
PROTECTED = "deletionProtectionEnabled"


def apply() -> None:
    from ministack.services import cloudwatch_logs as logs

    calls.answer(PutLogGroupDeletionProtection=_switch)
    _protect_and_show(logs)
    _follow_the_template(logs)


def _switch(data: dict) -> dict:
    _, group = calls.named_group(data.get("logGroupIdentifier"))
    group[PROTECTED] = bool(data.get(PROTECTED))
    return {}


def _protect_and_show(logs) -> None:
    from ministack.core.responses import error_response_json

    create, delete, describe = logs._create_log_group, logs._delete_log_group, logs._describe_log_groups

    def create_protected(data):
        answer = create(data)
        if answer[0] < 400:
            logs._log_groups[data["logGroupName"]][PROTECTED] = bool(data.get(PROTECTED))
        return answer

    def delete_unprotected(data):
        if _protected(logs, data.get("logGroupName")):
            return error_response_json("ValidationException", REFUSAL, 400)
        return delete(data)

    def describe_protection(data):
        status, headers, body = describe(data)
        answer = json.loads(body)
        for group in answer.get("logGroups", []):
            group[PROTECTED] = _protected(logs, group["logGroupName"])
        headers = {key: value for key, value in headers.items() if key.lower() != "content-length"}
        return status, headers, json.dumps(answer).encode()

    logs._create_log_group, logs._delete_log_group = create_protected, delete_unprotected
    logs._describe_log_groups = describe_protection


def _follow_the_template(logs) -> None:
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS[GROUP]
    delete = handlers["delete"]

    def protect(name: str, props: dict) -> None:
        logs._log_groups[name][PROTECTED] = str(props.get("DeletionProtectionEnabled")).lower() == "true"

    def deleted(physical_id, props, *more):
        if _protected(logs, physical_id):
            raise service_failure(REFUSAL, "CloudWatchLogs", 400, "InvalidRequest")
        return delete(physical_id, props, *more)

    complete_after(GROUP, protect)
    handlers["delete"] = deleted


def _protected(logs, name: str | None) -> bool:
    return bool((logs._log_groups.get(name) or {}).get(PROTECTED))
