"""Smoke test of ``dynamodb.system_backups``."""

from __future__ import annotations

import copy

from local.tests.aws import until
from local.tests.stacks import TABLE, Stack, fresh, refused

RECOVERY = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}


def _recoverable() -> dict:
    table = copy.deepcopy(TABLE)
    table["Properties"].update(RECOVERY)
    return table


def _made(aws, name: str) -> str:
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(TableName=name, **TABLE["Properties"])
    dynamodb.update_continuous_backups(TableName=name, **RECOVERY)
    return name


def test_a_table_with_recovery_leaves_a_backup_that_expires(aws):
    dynamodb, name = aws.client("dynamodb"), _made(aws, fresh("table"))
    dynamodb.delete_table(TableName=name)
    [backup] = dynamodb.list_backups(TableName=name, BackupType="SYSTEM")["BackupSummaries"]
    assert (backup["BackupName"], backup["BackupType"]) == (f"{name}$DeletedTableBackup", "SYSTEM")
    details = dynamodb.describe_backup(BackupArn=backup["BackupArn"])["BackupDescription"]["BackupDetails"]
    assert (details["BackupExpiryDateTime"] - details["BackupCreationDateTime"]).days == 35


def test_it_is_listed_only_when_asked_for(aws):
    dynamodb, name = aws.client("dynamodb"), _made(aws, fresh("table"))
    arn = dynamodb.create_backup(TableName=name, BackupName="mine")["BackupDetails"]["BackupArn"]
    until(lambda: dynamodb.list_backups(TableName=name)["BackupSummaries"][0]["BackupStatus"] == "AVAILABLE")
    dynamodb.delete_table(TableName=name)
    listed = [backup["BackupArn"] for backup in dynamodb.list_backups(TableName=name)["BackupSummaries"]]
    assert listed == [arn]
    assert len(dynamodb.list_backups(TableName=name, BackupType="ALL")["BackupSummaries"]) == 2


def test_cloudformation_leaves_it_too(aws):
    stack = Stack(aws, {"Table": _recoverable()})
    name = stack.physical("Table")
    assert stack.delete() == "DELETE_COMPLETE"
    assert len(aws.client("dynamodb").list_backups(TableName=name, BackupType="SYSTEM")["BackupSummaries"]) == 1


def test_without_recovery_or_without_a_deletion_there_is_none(aws):
    dynamodb, name = aws.client("dynamodb"), fresh("table")
    dynamodb.create_table(TableName=name, **TABLE["Properties"])
    dynamodb.delete_table(TableName=name)
    name = _made(aws, name)
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    until(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    refused(dynamodb.delete_table, TableName=name)
    assert dynamodb.list_backups(TableName=name, BackupType="ALL")["BackupSummaries"] == []


def test_stock_leaves_none(stock):
    dynamodb, name = stock.client("dynamodb"), _made(stock, fresh("table"))
    dynamodb.create_backup(TableName=name, BackupName="mine")
    dynamodb.delete_table(TableName=name)
    listed = dynamodb.list_backups(TableName=name, BackupType="SYSTEM")["BackupSummaries"]
    assert [backup["BackupType"] for backup in listed] == ["USER"]
