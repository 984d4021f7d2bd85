"""Smoke test of ``cloudformation.taken_names``."""

from __future__ import annotations

import json

from local.tests.stacks import Stack, fresh


def group(name: str) -> dict:
    return {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}}


def taken(aws) -> str:
    """Makes a log group with a stream, which shows later that it is the same group."""
    name, logs = f"/{fresh('taken')}", aws.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="kept")
    return name


def streams(aws, name: str) -> list[str]:
    found = aws.client("logs").describe_log_streams(logGroupName=name)["logStreams"]
    return [stream["logStreamName"] for stream in found]


def refusal(name: str) -> str:
    identifier = json.dumps({"/properties/LogGroupName": name}, separators=(",", ":"))
    return f"Resource of type 'AWS::Logs::LogGroup' with identifier '{identifier}' already exists."


def test_a_stack_with_a_log_group_whose_name_is_taken_rolls_back(aws):
    name = taken(aws)
    stack = Stack(aws, group(name), expect="ROLLBACK_COMPLETE")
    why = stack.why("Group", "CREATE_FAILED")
    assert refusal(name) in why and "HandlerErrorCode: AlreadyExists" in why
    assert stack.delete() == "DELETE_COMPLETE"
    assert streams(aws, name) == ["kept"]


def test_a_log_group_cannot_be_renamed_to_a_name_that_is_taken(aws):
    name = taken(aws)
    stack = Stack(aws, group(f"/{fresh('free')}"))
    stack.update(group(name))
    stack.await_status("UPDATE_ROLLBACK_COMPLETE")
    assert refusal(name) in stack.why("Group", "UPDATE_FAILED")
    assert streams(aws, name) == ["kept"]


def test_a_change_set_may_import_it(aws):
    name, client, stack = taken(aws), aws.client("cloudformation"), fresh()
    retained = {"Group": {**group(name)["Group"], "DeletionPolicy": "Retain"}}
    client.create_change_set(
        StackName=stack,
        ChangeSetName="c",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": retained}),
        ImportExistingResources=True,
    )
    client.get_waiter("change_set_create_complete").wait(StackName=stack, ChangeSetName="c")
    client.execute_change_set(StackName=stack, ChangeSetName="c")
    client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    assert streams(aws, name) == ["kept"]


def test_stock_overwrites_the_group(stock):
    name = taken(stock)
    Stack(stock, group(name))
    assert streams(stock, name) == []
