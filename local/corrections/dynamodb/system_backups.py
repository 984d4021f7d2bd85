"""Correction: a table with point-in-time recovery leaves a system backup behind.

What AWS does ("Delete a table with PITR enabled" in "Enable point-in-time recovery", "BackupDetails", "ListBackups"): deleting
such a table makes a backup of type SYSTEM, named ``<table>$DeletedTableBackup``, which expires after 35 days. ListBackups shows
backups of type USER unless it is asked for SYSTEM or ALL.

What stock MiniStack does: makes none, and ListBackups shows every type.
"""

from __future__ import annotations

import json

KEPT_SECONDS = 35 * 24 * 60 * 60
TABLE = "AWS::DynamoDB::Table"


def apply() -> None:
    from ministack.services import dynamodb
    from ministack.services.cloudformation import provisioners

    create, delete, listed = dynamodb._create_backup, dynamodb._delete_table, dynamodb._list_backups
    handlers = provisioners._RESOURCE_HANDLERS[TABLE]
    delete_resource = handlers["delete"]

    def back_up(name: str) -> str | None:
        """Makes the backup if the table is one that leaves it, and returns its ARN."""
        if name not in dynamodb._tables or not dynamodb._pitr_settings.get(name):
            return None
        _, _, body = create({"TableName": name, "BackupName": f"{name}$DeletedTableBackup"})
        arn = json.loads(body)["BackupDetails"]["BackupArn"]
        details = dynamodb._backups[arn]["BackupDetails"]
        details["BackupType"] = "SYSTEM"
        details["BackupExpiryDateTime"] = details["BackupCreationDateTime"] + KEPT_SECONDS
        return arn

    def delete_leaving_a_backup(data):
        arn = back_up(dynamodb._normalize_table_name(data.get("TableName")))
        answer = delete(data)
        if answer[0] >= 400:
            dynamodb._backups.pop(arn, None)
        return answer

    def delete_resource_leaving_a_backup(physical_id, props, *more):
        back_up(physical_id)
        return delete_resource(physical_id, props, *more)

    def list_of_a_type(data):
        wanted = data.get("BackupType") or "USER"
        status, headers, body = listed(data)
        answer = json.loads(body)
        summaries = answer.get("BackupSummaries", [])
        answer["BackupSummaries"] = [one for one in summaries if wanted in ("ALL", one["BackupType"])]
        headers = {key: value for key, value in headers.items() if key.lower() not in ("content-length", "x-amz-crc32")}
        return status, headers, json.dumps(answer).encode()

    dynamodb._delete_table, dynamodb._list_backups = delete_leaving_a_backup, list_of_a_type
    handlers["delete"] = delete_resource_leaving_a_backup
