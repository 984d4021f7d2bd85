"""Smoke test of ``cloudformation.delete``."""

from __future__ import annotations

import json

import pytest

from local.tests.aws import until
from local.tests.stacks import TABLE, TOPIC, Stack, drop_role, fresh, refused, role


@pytest.fixture
def rules(aws):
    yield lambda *rules: aws.call("POST", "/_local/faults", list(rules)).json
    aws.call("DELETE", "/_local/faults")


def held(kind: str, milliseconds: int, match: str) -> dict:
    return {
        "service": "cloudformation-handler",
        "action": kind,
        "match": match,
        "effect": {"delayMs": milliseconds},
    }


# --- the handlers under faults and under a role ---


def test_a_planned_failure_of_one_handler_and_retention(aws, rules):
    resources = {"First": {"Type": "AWS::Logs::LogGroup"}, "Second": {"Type": "AWS::Logs::LogGroup"}, **TOPIC}
    stack = Stack(aws, resources)
    rules(
        {
            "service": "cloudformation-handler",
            "action": "AWS::Logs::LogGroup",
            "match": '"First"',
            "times": -1,
            "effect": {"error": {"status": 500, "code": "GeneralServiceException", "message": "as planned"}},
        }
    )
    client = stack.cloudformation
    code, message = refused(client.delete_stack, StackName=stack.id, RetainResources=["First"])
    assert code == "ValidationError" and "only when the stack is in the DELETE_FAILED state" in message
    assert stack.delete() == "DELETE_FAILED"
    assert 'Resource handler returned message: "as planned"' in stack.why("First")
    assert stack.resources() == {"First": "DELETE_FAILED", "Second": "DELETE_COMPLETE", "Topic": "DELETE_COMPLETE"}
    [listed] = [
        r
        for r in client.list_stack_resources(StackName=stack.id)["StackResourceSummaries"]
        if r["LogicalResourceId"] == "First"
    ]
    assert "as planned" in listed["ResourceStatusReason"]
    code, message = refused(client.delete_stack, StackName=stack.id, RetainResources=["First", "Second"])
    assert code == "ValidationError" and "Do not specify resources that are in the DELETE_COMPLETE state" in message
    group = stack.physical("First")
    assert stack.delete(RetainResources=["First"]) == "DELETE_COMPLETE"
    assert stack.why("First", "DELETE_SKIPPED") == ""
    assert aws.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]


def test_in_express_mode_a_table_is_still_being_deleted_when_the_stack_is_gone(aws):
    tables = aws.client("dynamodb")
    states = {}
    for mode in ("STANDARD", "EXPRESS"):
        stack = Stack(aws, {"Table": TABLE})
        name = stack.physical("Table")
        assert stack.delete(DeploymentConfig={"Mode": mode}) == "DELETE_COMPLETE"
        try:
            states[mode] = tables.describe_table(TableName=name)["Table"]["TableStatus"]
        except tables.exceptions.ResourceNotFoundException:
            states[mode] = "gone"
    assert states == {"STANDARD": "gone", "EXPRESS": "DELETING"}


def test_what_a_failed_resource_depends_on_is_not_tried(aws, rules):
    topic = {"Type": "AWS::SNS::Topic"}
    stack = Stack(aws, {"Base": topic, "Top": {**topic, "DependsOn": "Base"}, "Apart": topic})
    rules(
        {
            "service": "cloudformation-handler",
            "match": '"Top"',
            "effect": {"error": {"status": 400, "code": "InvalidRequest"}},
        }
    )
    assert stack.delete() == "DELETE_FAILED"
    assert stack.resources() == {"Base": "CREATE_COMPLETE", "Top": "DELETE_FAILED", "Apart": "DELETE_COMPLETE"}
    assert stack.delete() == "DELETE_COMPLETE"


def allow(action: str | list[str], resource: str, effect: str = "Allow") -> dict:
    return {"Effect": effect, "Action": action, "Resource": resource}


def test_the_executor_needs_its_rights(aws):
    group, name = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{fresh()}"}}, fresh("table")
    table = {**TABLE, "Properties": {**TABLE["Properties"], "TableName": name}}
    stack = Stack(aws, {"Group": group, "Table": table})
    bare = f"arn:aws:logs:us-east-1:000000000000:log-group:{group['Properties']['LogGroupName']}"
    tables = f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}"
    executor = role(
        aws,
        "cloudformation.amazonaws.com",
        allow("logs:*", bare),
        allow("dynamodb:*", tables),
        allow("dynamodb:DeleteTable", tables, "Deny"),
    )
    assert stack.delete(RoleARN=executor) == "DELETE_FAILED"
    because = (
        f"is not authorized to perform: logs:DeleteLogGroup on resource: {bare}:log-stream: because no identity-based"
    )
    assert because in stack.why("Group") and "HandlerErrorCode: AccessDenied" in stack.why("Group")
    assert "with an explicit deny in an identity-based policy" in stack.why("Table")
    aws.client("iam").put_role_policy(
        RoleName=executor.rsplit("/", 1)[1],
        PolicyName="allowed",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [allow("logs:*", f"{bare}:*"), allow("dynamodb:*", tables)]}
        ),
    )
    assert stack.delete() == "DELETE_COMPLETE"


def test_conditions_on_tags_and_on_what_a_resource_belongs_to(aws):
    api = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "ours"}}
    below = {
        "Type": "AWS::ApiGateway::GatewayResponse",
        "Properties": {"RestApiId": {"Ref": "Api"}, "ResponseType": "DEFAULT_4XX"},
    }
    stack = Stack(aws, {"Table": TABLE, "Group": {"Type": "AWS::Logs::LogGroup"}, "Api": api, "Below": below})

    def conditioned(stack_name: str, api_name: str) -> str:
        of_stack = {"StringEqualsIfExists": {"aws:ResourceTag/aws:cloudformation:stack-name": stack_name}}
        of_api = {"StringEquals": {"apigateway:Resource/ApiName": api_name}}
        return role(
            aws,
            "cloudformation.amazonaws.com",
            {**allow(["dynamodb:*", "logs:*"], "*"), "Condition": of_stack},
            {**allow("apigateway:*", "*"), "Condition": of_api},
        )

    assert stack.delete(RoleARN=conditioned("another", "theirs")) == "DELETE_FAILED"
    assert stack.resources() == {
        "Table": "DELETE_COMPLETE",  # no tag says whose it is
        "Group": "DELETE_FAILED",
        "Api": "CREATE_COMPLETE",
        "Below": "DELETE_FAILED",
    }
    assert stack.delete(RoleARN=conditioned(stack.name, "ours")) == "DELETE_COMPLETE"


def test_a_role_lost_in_the_middle(aws, rules):
    executor = role(aws)
    stack = Stack(aws, {"Base": TOPIC["Topic"], "Top": {**TOPIC["Topic"], "DependsOn": "Base"}})
    rules(held("AWS::SNS::Topic", 2000, '"Base"'))
    stack.cloudformation.delete_stack(StackName=stack.id, RoleARN=executor)
    until(lambda: stack.resources()["Top"] == "DELETE_COMPLETE")
    drop_role(aws, executor)
    stack.await_status("DELETE_FAILED")
    assert stack.why("Base") == f"Role {executor} is invalid or cannot be assumed"
    assert refused(stack.cloudformation.delete_stack, StackName=stack.id)[0] == "ValidationError"
    assert stack.delete(RoleARN=role(aws)) == "DELETE_COMPLETE"


# --- the call ---


def test_operations_can_be_held_and_a_moving_stack_is_not_deleted(aws, rules):
    stack = Stack(aws)
    rules(held("AWS::CloudFormation::Stack", 400, '"UPDATE"'), held("AWS::CloudFormation::Stack", 400, '"DELETE"'))
    stack.update({**TOPIC, "More": TOPIC["Topic"]})
    assert stack.status == "UPDATE_IN_PROGRESS"
    code, message = refused(stack.cloudformation.delete_stack, StackName=stack.name)
    assert (code, message) == (
        "ValidationError",
        f"Stack [{stack.id}] cannot be deleted while in status UPDATE_IN_PROGRESS",
    )
    stack.await_status("UPDATE_COMPLETE")
    stack.cloudformation.delete_stack(StackName=stack.id)
    assert stack.status == "DELETE_IN_PROGRESS"
    stack.cloudformation.delete_stack(StackName=stack.id)
    stack.await_status("DELETE_COMPLETE")
    assert sum(event["ResourceStatus"] == "DELETE_COMPLETE" for event in stack.events()) == 3


def test_a_stack_deleted_while_it_is_created_is_not_created_after_all(aws, rules):
    rules(held("AWS::CloudFormation::Stack", 400, '"CREATE"'))
    client, name = aws.client("cloudformation"), fresh()
    template = json.dumps({"Resources": TOPIC})
    stack_id = client.create_stack(StackName=name, TemplateBody=template)["StackId"]
    assert client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS"
    client.delete_stack(StackName=stack_id)
    until(lambda: client.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE")
    new = Stack(aws, name=name)
    assert new.delete() == "DELETE_COMPLETE"


def test_a_token_is_one_deletion(aws, rules):
    stack = Stack(aws)
    rules(
        {
            "service": "cloudformation-handler",
            "action": "AWS::SNS::Topic",
            "effect": {"error": {"status": 400, "code": "InvalidRequest"}},
        }
    )
    assert stack.delete(ClientRequestToken="one") == "DELETE_FAILED"
    assert stack.delete(ClientRequestToken="one") == "DELETE_FAILED"
    again = {"StackName": stack.id, "ClientRequestToken": "one", "RetainResources": ["Topic"]}
    assert refused(stack.cloudformation.delete_stack, **again)[0] == "TokenAlreadyExistsException"
    assert stack.delete(ClientRequestToken="two") == "DELETE_COMPLETE"
    assert {event.get("ClientRequestToken") for event in stack.events()} == {None, "one", "two"}


def test_termination_protection(aws):
    stack = Stack(aws, EnableTerminationProtection=True)
    client = stack.cloudformation
    assert refused(client.delete_stack, StackName=stack.name) == (
        "ValidationError",
        f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled",
    )
    assert stack.described()["EnableTerminationProtection"] is True
    client.update_termination_protection(StackName=stack.id, EnableTerminationProtection=False)
    assert stack.delete() == "DELETE_COMPLETE"
    assert refused(client.update_termination_protection, StackName=stack.name, EnableTerminationProtection=True)


def test_an_export_in_use(aws):
    export = fresh("export")
    value = {"Value": {"Ref": "Topic"}}
    exporter = Stack(aws, outputs={"Arn": {**value, "Export": {"Name": export}}})
    imported = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": export}}}
    importer = Stack(aws, {"Importer": imported})
    client = exporter.cloudformation
    assert client.list_imports(ExportName=export)["Imports"] == [importer.name]
    exported = [e for page in client.get_paginator("list_exports").paginate() for e in page["Exports"]]
    assert exporter.id in [e["ExportingStackId"] for e in exported if e["Name"] == export]
    assert exporter.delete() == "CREATE_COMPLETE"
    reason = f"Delete canceled. Cannot delete export {export} as it is in use by {importer.name}."
    assert exporter.why(exporter.name, "CREATE_COMPLETE") == reason
    assert exporter.described()["StackStatusReason"] == reason
    assert exporter.resources() == {"Topic": "CREATE_COMPLETE"}
    assert importer.delete() == "DELETE_COMPLETE"
    code, message = refused(client.list_imports, ExportName=export)
    assert code == "ValidationError" and "is not imported by any stack" in message
    assert exporter.delete() == "DELETE_COMPLETE"
