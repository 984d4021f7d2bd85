"""Nested stacks: their family, and how they are deleted."""

from __future__ import annotations

import json

from local.tests.stacks import TOPIC, Stack, fresh, role

_DENIED_TOPICS = (
    {"Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Effect": "Deny", "Action": "sns:DeleteTopic", "Resource": "*"},
)


def nested(aws, resources: dict) -> dict:
    """Returns a stack with these resources, as a resource of another stack."""
    bucket, s3 = fresh("templates"), aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps({"Resources": resources}).encode())
    url = f"https://s3.amazonaws.com/{bucket}/template.json"
    return {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}


def named(aws, stack_id: str) -> dict:
    return aws.client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"][0]


def test_a_nested_stack_shows_its_parent_its_root_and_its_parents_role(aws):
    arn = role(aws)
    root = Stack(aws, {"Child": nested(aws, {"Grandchild": nested(aws, TOPIC)})}, RoleARN=arn)
    child = named(aws, root.physical("Child"))
    assert (child["ParentId"], child["RootId"], child["RoleARN"]) == (root.id, root.id, arn)
    [inner] = root.cloudformation.list_stack_resources(StackName=child["StackId"])["StackResourceSummaries"]
    grandchild = named(aws, inner["PhysicalResourceId"])
    assert (grandchild["ParentId"], grandchild["RootId"], grandchild["RoleARN"]) == (child["StackId"], root.id, arn)
    assert "ParentId" not in root.described() and "RootId" not in root.described()
    pages = root.cloudformation.get_paginator("list_stacks").paginate()
    listed = {stack["StackId"]: stack for page in pages for stack in page["StackSummaries"]}
    assert listed[grandchild["StackId"]]["ParentId"] == child["StackId"]
    assert listed[grandchild["StackId"]]["RootId"] == root.id


def test_a_nested_stack_goes_with_its_parent(aws):
    root = Stack(aws, {"Child": nested(aws, TOPIC)})
    child = root.physical("Child")
    assert root.delete() == "DELETE_COMPLETE"
    assert named(aws, child)["StackStatus"] == "DELETE_COMPLETE"
    [topic] = root.cloudformation.list_stack_resources(StackName=child)["StackResourceSummaries"]
    assert topic["ResourceStatus"] == "DELETE_COMPLETE"


def test_what_fails_in_a_nested_stack_fails_its_parent(aws):
    root = Stack(aws, {"Child": nested(aws, {"Bucket": {"Type": "AWS::S3::Bucket"}, **TOPIC}), **TOPIC})
    child, s3 = root.physical("Child"), aws.client("s3")
    resources = root.cloudformation.list_stack_resources(StackName=child)["StackResourceSummaries"]
    bucket = next(r["PhysicalResourceId"] for r in resources if r["LogicalResourceId"] == "Bucket")
    s3.put_object(Bucket=bucket, Key="full", Body=b"")
    assert root.delete() == "DELETE_FAILED"
    assert named(aws, child)["StackStatus"] == "DELETE_FAILED"
    assert root.resources() == {"Child": "DELETE_FAILED", "Topic": "DELETE_COMPLETE"}
    words = "The following resource(s) failed to delete: [Bucket]. "
    assert root.why("Child") == f"Embedded stack {child} was not successfully deleted: {words}"
    s3.delete_object(Bucket=bucket, Key="full")
    assert root.delete() == "DELETE_COMPLETE"
    assert named(aws, child)["StackStatus"] == "DELETE_COMPLETE"


def test_a_nested_stack_is_deleted_with_its_parents_role(aws):
    root = Stack(aws, {"Child": nested(aws, TOPIC)})
    child = root.physical("Child")
    assert root.delete(RoleARN=role(aws, "cloudformation.amazonaws.com", *_DENIED_TOPICS)) == "DELETE_FAILED"
    [topic] = root.cloudformation.list_stack_resources(StackName=child)["StackResourceSummaries"]
    assert "not authorized to perform: sns:DeleteTopic" in topic["ResourceStatusReason"]
    assert root.delete(RoleARN=role(aws)) == "DELETE_COMPLETE"


def test_a_nested_stack_that_failed_can_be_retained(aws):
    root = Stack(aws, {"Child": nested(aws, TOPIC)})
    child = root.physical("Child")
    assert root.delete(RoleARN=role(aws, "cloudformation.amazonaws.com", *_DENIED_TOPICS)) == "DELETE_FAILED"
    assert root.delete(RetainResources=["Child"]) == "DELETE_COMPLETE"
    assert named(aws, child)["StackStatus"] == "DELETE_FAILED"


def test_stock_deletes_a_nested_stack_whatever_is_left(stock):
    root = Stack(stock, {"Child": nested(stock, TOPIC)})
    assert "ParentId" not in named(stock, root.physical("Child"))
