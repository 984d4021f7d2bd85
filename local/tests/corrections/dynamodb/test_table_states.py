"""Smoke test of ``dynamodb.table_states``."""

from __future__ import annotations

import time

from local.corrections.dynamodb.table_states import SECONDS
from local.tests.aws import until
from local.tests.stacks import TABLE, Stack, fresh, refused


def test_a_change_takes_a_while(aws):
    dynamodb, stack = aws.client("dynamodb"), Stack(aws, {"Table": TABLE})
    name = stack.physical("Table")
    assert (
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)["TableDescription"]["TableStatus"]
        == "UPDATING"
    )
    assert refused(dynamodb.delete_table, TableName=name)[0] == "ResourceInUseException"
    assert stack.delete() == "DELETE_FAILED"
    until(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    assert stack.delete() == "DELETE_FAILED" and "Table is being updated" in stack.why("Table")
    until(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_backup_is_created_before_it_is_there(aws):
    dynamodb, name = aws.client("dynamodb"), fresh("table")
    dynamodb.create_table(TableName=name, **TABLE["Properties"])
    backup = dynamodb.create_backup(TableName=name, BackupName="teardown")["BackupDetails"]
    assert backup["BackupStatus"] == "CREATING"
    assert refused(dynamodb.create_backup, TableName=name, BackupName="teardown")[0] == "BackupInUseException"

    def status():
        described = dynamodb.describe_backup(BackupArn=backup["BackupArn"])["BackupDescription"]
        return described["BackupDetails"]["BackupStatus"]

    assert status() == "CREATING"
    until(lambda: status() == "AVAILABLE")
    dynamodb.delete_table(TableName=name)
    [listed] = dynamodb.list_backups(TableName=name)["BackupSummaries"]
    assert listed["BackupStatus"] == "AVAILABLE"
    assert refused(dynamodb.describe_continuous_backups, TableName=name)[0] == "TableNotFoundException"


def test_a_deleted_table_is_shown_deleting_before_it_is_gone(aws):
    dynamodb, name = aws.client("dynamodb"), fresh("table")
    dynamodb.create_table(TableName=name, **TABLE["Properties"])
    dynamodb.delete_table(TableName=name)
    assert dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "DELETING"

    def is_gone():
        try:
            return dynamodb.describe_table(TableName=name) is None
        except dynamodb.exceptions.ResourceNotFoundException:
            return True

    until(is_gone)


def test_another_account_that_asks_takes_no_backup_away(aws):
    one, other = (aws.client("dynamodb", account=account) for account in ("333333333333", "444444444444"))
    name = fresh("table")
    one.create_table(TableName=name, **TABLE["Properties"])
    arn = one.create_backup(TableName=name, BackupName="teardown")["BackupDetails"]["BackupArn"]
    time.sleep(SECONDS)  # a look at it would settle the backup, so there is nothing to poll
    assert other.list_backups()["BackupSummaries"] == []
    described = one.describe_backup(BackupArn=arn)["BackupDescription"]
    assert described["BackupDetails"]["BackupStatus"] == "AVAILABLE"


def test_stock_is_there_at_once(stock):
    dynamodb, name = stock.client("dynamodb"), fresh("table")
    dynamodb.create_table(TableName=name, **TABLE["Properties"])
    assert dynamodb.create_backup(TableName=name, BackupName="now")["BackupDetails"]["BackupStatus"] == "AVAILABLE"
    dynamodb.delete_table(TableName=name)
    assert refused(dynamodb.describe_table, TableName=name)[0] == "ResourceNotFoundException"
