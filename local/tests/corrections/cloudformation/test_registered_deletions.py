"""What an execution role needs to delete the types of the registry."""

from __future__ import annotations

import json

import pytest

from local.corrections.cloudformation import registry
from local.tests.aws import create_function
from local.tests.corrections.cloud_control.test_get_resource import one_of_each
from local.tests.corrections.cloudformation.test_nested import nested
from local.tests.stacks import TOPIC, Stack, fresh, role

ANYWHERE = "arn:aws:sqs:us-east-1:000000000000:"


def allow(actions: list[str], resource: str = "*") -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def executor(aws, *statements: dict) -> str:
    return role(aws, "cloudformation.amazonaws.com", *statements)


def let(aws, arn: str, *statements: dict) -> None:
    """Replaces what a role may do."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    aws.client("iam").put_role_policy(RoleName=arn.rsplit("/", 1)[1], PolicyName="allowed", PolicyDocument=document)


def test_a_queue_needs_its_own_permission(aws):
    stack = Stack(aws, {"Queue": {"Type": "AWS::SQS::Queue"}})
    queue = ANYWHERE + stack.physical("Queue").rsplit("/", 1)[-1]
    arn = executor(aws, allow(["sqs:GetQueueAttributes"]), allow(["sqs:DeleteQueue"], f"{queue}-2"))
    assert stack.delete(RoleARN=arn) == "DELETE_FAILED"
    why = stack.why("Queue")
    assert f"is not authorized to perform: sqs:DeleteQueue on resource: {queue} because" in why
    assert "(Service: Sqs, Status Code: 403" in why and "HandlerErrorCode: AccessDenied" in why
    let(aws, arn, allow(["sqs:DeleteQueue", "sqs:GetQueueAttributes"], queue))
    assert stack.delete() == "DELETE_COMPLETE"


def test_the_permissions_of_the_delete_handlers_are_enough(aws):
    resources = one_of_each()
    stack = Stack(aws, resources)
    handlers = [registry.types()[definition["Type"]]["handlers"] for definition in resources.values()]
    permissions = sorted({action for handler in handlers for action in handler["delete"]["permissions"]})
    assert stack.delete(RoleARN=executor(aws, allow(permissions))) == "DELETE_COMPLETE", stack.resources()


@pytest.mark.parametrize(
    "kind",
    ["Parameter", "Policy", "QueuePolicy", "Repository", "Secret", "SecurityGroup", "Subscription", "TopicPolicy"],
)
def test_none_of_them_is_deleted_without_permission(aws, kind):
    # What they depend on is theirs, and what depends on them is not there.
    resources = one_of_each()
    wanted = {name: resources[name] for name in (kind, "Queue", "Role", "Topic")}
    stack = Stack(aws, wanted)
    assert stack.delete(RoleARN=executor(aws, allow(["iam:GetRole"]))) == "DELETE_FAILED"
    assert "is not authorized to perform: " in stack.why(kind)


def test_a_nested_stack_and_a_custom_resource_need_permission(aws):
    function = fresh("custom")
    answer = "def handler(event):\n    answered(event)\n"
    create_function(aws, function, _ANSWERED + answer)
    token = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    custom = {"Type": "Custom::Thing", "Properties": {"ServiceToken": token, "ServiceTimeout": 5}}
    stack = Stack(aws, {"Child": nested(aws, TOPIC), "Custom": custom})
    child = stack.physical("Child")
    arn = executor(aws, allow(["sns:*"]))
    assert stack.delete(RoleARN=arn) == "DELETE_FAILED"
    assert f"cloudformation:DescribeStacks on resource: {child}" in stack.why("Child")
    assert f"lambda:InvokeFunction on resource: {token}" in stack.why("Custom")
    of_stack = allow(["cloudformation:DeleteStack", "cloudformation:DescribeStacks"], child)
    let(aws, arn, allow(["sns:*"]), of_stack, allow(["lambda:InvokeFunction"], token))
    assert stack.delete() == "DELETE_COMPLETE"


def test_an_alias_needs_permission_on_its_key_too(aws):
    resources = {name: definition for name, definition in one_of_each().items() if name in ("Alias", "Key")}
    stack = Stack(aws, resources)
    kms = "arn:aws:kms:us-east-1:000000000000:"
    alias, key = kms + stack.physical("Alias"), f"{kms}key/{stack.physical('Key')}"
    arn = executor(aws, allow(["kms:DeleteAlias"], alias), allow(["kms:ScheduleKeyDeletion"], key))
    assert stack.delete(RoleARN=arn) == "DELETE_FAILED"
    assert f"kms:DeleteAlias on resource: {key}" in stack.why("Alias")
    let(aws, arn, allow(["kms:DeleteAlias"], alias), allow(["kms:*"], key))
    assert stack.delete() == "DELETE_COMPLETE"


def test_the_path_of_a_role_is_part_of_its_name(aws):
    definition = one_of_each()["Role"]
    definition["Properties"]["Path"] = "/harbour/"
    stack = Stack(aws, {"Role": definition})
    name = stack.physical("Role")
    arn = executor(aws, allow(["iam:*"], f"arn:aws:iam::000000000000:role/{name}"))
    assert stack.delete(RoleARN=arn) == "DELETE_FAILED"
    assert f"iam:DeleteRole on resource: arn:aws:iam::000000000000:role/harbour/{name}" in stack.why("Role")
    let(aws, arn, allow(["iam:*"], f"arn:aws:iam::000000000000:role/harbour/{name}"))
    assert stack.delete() == "DELETE_COMPLETE"


_ANSWERED = """
import urllib.request

def answered(event):
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer.update(Status="SUCCESS", PhysicalResourceId="by-hand")
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT"))

"""
