"""Correction: changes to a table, deletions and backups take their time.

What AWS does ("UpdateTable", "CreateBackup", "DescribeContinuousBackups", API reference): a table is UPDATING for a while after
a change, then ACTIVE; meanwhile DeleteTable and UpdateTable answer ResourceInUseException, and so does CloudFormation's
handler. A table is DELETING for a while before it is not found ("DeleteTable"); CloudFormation waits for that. A backup is
CREATING, then AVAILABLE; a second one meanwhile is refused with BackupInUseException. DescribeContinuousBackups of a table that
is not there answers TableNotFoundException.

What stock MiniStack does: ACTIVE, gone and AVAILABLE at once, ResourceNotFoundException.
"""

from __future__ import annotations

import json
import time

from local.corrections.cloudformation.handlers import service_failure

SECONDS = 0.3


def apply() -> None:
    from ministack.core.responses import error_response_json
    from ministack.services import dynamodb
    from ministack.services.cloudformation import provisioners

    _busy_tables(dynamodb, error_response_json)
    _slow_deletions(dynamodb)
    _slow_backups(dynamodb, error_response_json)
    continuous = dynamodb._describe_continuous_backups

    def describe_continuous_backups(data):
        name = dynamodb._normalize_table_name(data.get("TableName"))
        if name not in dynamodb._tables:
            return error_response_json("TableNotFoundException", f"Table not found: {name}", 400)
        return continuous(data)

    dynamodb._describe_continuous_backups = describe_continuous_backups
    change = provisioners._ddb_update_call

    def change_and_wait(data):
        """Changes a table at once: CloudFormation waits for ACTIVE, so its own changes never meet."""
        table = dynamodb._tables.get(data.get("TableName")) or {}
        table.pop("_busy_until", None)
        change(data)
        table.pop("_busy_until", None)

    provisioners._ddb_update_call = change_and_wait
    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    delete = handlers["delete"]

    def delete_unless_busy(name, props):
        problem = _busy(dynamodb, name)
        if problem:
            raise service_failure(problem, "DynamoDb", 400, "ResourceConflict")
        delete(name, props)

    handlers["delete"] = delete_unless_busy


def _busy(dynamodb, name: str) -> str | None:
    if (dynamodb._tables.get(name) or {}).get("_busy_until", 0) <= time.monotonic():
        return None
    return f"Attempt to change a resource which is still in use: Table is being updated: {name}"


def _busy_tables(dynamodb, error) -> None:
    update, delete, describe = dynamodb._update_table, dynamodb._delete_table, dynamodb._table_description

    def change(operation):
        def unless_busy(data):
            problem = _busy(dynamodb, dynamodb._normalize_table_name(data.get("TableName")))
            return error("ResourceInUseException", problem, 400) if problem else operation(data)

        return unless_busy

    def update_for_a_while(data):
        name = dynamodb._normalize_table_name(data.get("TableName"))
        if "DeletionProtectionEnabled" in data and name in dynamodb._tables:
            dynamodb._tables[name]["_busy_until"] = time.monotonic() + SECONDS
        status, headers, body = update(data)
        if status >= 400 and name in dynamodb._tables:
            dynamodb._tables[name].pop("_busy_until", None)
        return status, headers, body

    def describe_state(name):
        description = describe(name)
        description.pop("_busy_until", None)
        if _busy(dynamodb, name):
            description["TableStatus"] = "UPDATING"
        return description

    dynamodb._update_table, dynamodb._delete_table = change(update_for_a_while), change(delete)
    dynamodb._table_description = describe_state


def _slow_deletions(dynamodb) -> None:
    from ministack.core.responses import get_account_id, get_region, json_response

    delete, describe = dynamodb._delete_table, dynamodb._describe_table
    going: dict[tuple[str, str, str], tuple[float, dict]] = {}  # (account, region, name) → until when it is shown, and as what
    unseen = set()  # shown at least once, however late the first look at them

    def key(data) -> tuple[str, str, str]:
        return get_account_id(), get_region(), dynamodb._normalize_table_name(data.get("TableName"))

    def delete_for_a_while(data):
        status, headers, body = delete(data)
        if status == 200:
            going[key(data)] = time.monotonic() + SECONDS, json.loads(body)["TableDescription"]
            unseen.add(key(data))
        return status, headers, body

    def describe_going(data):
        table = key(data)
        until, described = going.get(table, (0, {}))
        if table[2] not in dynamodb._tables and (time.monotonic() < until or table in unseen):
            unseen.discard(table)
            return json_response({"Table": described})
        return describe(data)

    dynamodb._delete_table, dynamodb._describe_table = delete_for_a_while, describe_going


def _slow_backups(dynamodb, error) -> None:
    create, describe, listed = dynamodb._create_backup, dynamodb._describe_backup, dynamodb._list_backups
    ready: dict[str, float] = {}  # backup ARN → when it becomes AVAILABLE

    def settle() -> None:
        # Only those of the calling account are visible here; the others are settled when their account asks.
        for arn in [arn for arn, at in ready.items() if at <= time.monotonic() and arn in dynamodb._backups]:
            del ready[arn]
            dynamodb._backups[arn]["BackupDetails"]["BackupStatus"] = "AVAILABLE"

    def create_slowly(data):
        settle()
        name = dynamodb._normalize_table_name(data.get("TableName") or "")
        if any(f":table/{name}/backup/" in arn and arn in dynamodb._backups for arn in ready):
            message = (
                "There is another ongoing conflicting backup control plane operation on the table. "
                "The backup is either being created, deleted or restored to a table."
            )
            return error("BackupInUseException", message, 400)
        status, headers, body = create(data)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        arn = answer["BackupDetails"]["BackupArn"]
        ready[arn] = time.monotonic() + SECONDS
        for details in (answer["BackupDetails"], dynamodb._backups[arn]["BackupDetails"]):
            details["BackupStatus"] = "CREATING"
        headers = {key: value for key, value in headers.items() if key.lower() not in ("content-length", "x-amz-crc32")}
        return status, headers, json.dumps(answer).encode()

    def settled(operation):
        def after_settling(data):
            settle()
            return operation(data)

        return after_settling

    dynamodb._create_backup = create_slowly
    dynamodb._describe_backup, dynamodb._list_backups = settled(describe), settled(listed)
