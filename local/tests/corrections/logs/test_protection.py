"""Smoke test of ``logs.protection``."""

from __future__ import annotations

from local.corrections.logs.protection import REFUSAL
from local.tests.stacks import Stack, fresh, refused


def _group(name: str, **more) -> dict:
    return {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, **more}}}


def _is_protected(aws, name: str) -> bool:
    [group] = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return group["deletionProtectionEnabled"]


def test_a_protected_group_is_not_deleted_until_the_protection_is_lifted(aws):
    logs, name = aws.client("logs"), fresh("/protected/group")
    logs.create_log_group(logGroupName=name)
    assert not _is_protected(aws, name)
    logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=True)
    assert _is_protected(aws, name)
    assert refused(logs.delete_log_group, logGroupName=name) == ("ValidationException", REFUSAL)
    logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=name)
    absent = refused(
        logs.put_log_group_deletion_protection, logGroupIdentifier=name, deletionProtectionEnabled=True
    )
    assert absent[0] == "ResourceNotFoundException"


def test_a_group_can_be_born_protected(aws):
    logs, name = aws.client("logs"), fresh("/protected/group")
    logs.create_log_group(logGroupName=name, deletionProtectionEnabled=True)
    assert refused(logs.delete_log_group, logGroupName=name)[0] == "ValidationException"


def test_the_template_switches_the_protection_and_the_deletion_of_the_stack_fails_on_it(aws):
    name = fresh("/protected/group")
    stack = Stack(aws, _group(name, DeletionProtectionEnabled=True))
    assert _is_protected(aws, name)
    assert stack.delete() == "DELETE_FAILED"
    assert REFUSAL in stack.why("Log")
    # The events of the group are still there, and so is the way to delete it.
    aws.client("logs").put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=False)
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_property_that_is_left_out_is_switched_off(aws):
    name = fresh("/protected/group")
    stack = Stack(aws, _group(name, DeletionProtectionEnabled=True))
    stack.update(_group(name, RetentionInDays=7))
    stack.await_status("UPDATE_COMPLETE")
    assert not _is_protected(aws, name)


def test_stock_deletes_it(stock):
    logs, name = stock.client("logs"), fresh("/protected/group")
    protect = {"logGroupIdentifier": name, "deletionProtectionEnabled": True}
    logs.create_log_group(logGroupName=name, deletionProtectionEnabled=True)
    assert refused(logs.put_log_group_deletion_protection, **protect)[0] == "InvalidOperationException"
    logs.delete_log_group(logGroupName=name)
