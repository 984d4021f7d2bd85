"""Smoke test of ``cloudformation.role``: the execution role is stored, shown, reused, replaced and refused."""

from __future__ import annotations

import json

from local.tests.stacks import TOPIC, Stack, drop_role, fresh, refused, role

OTHER = {**TOPIC, "Other": {"Type": "AWS::SNS::Topic", "Properties": {}}}


def said(arn: str) -> tuple[str, str]:
    return "ValidationError", f"Role {arn} is invalid or cannot be assumed"


def test_the_stack_that_cannot_be_deleted(aws):
    lost, executor = role(aws), role(aws)
    stack = Stack(aws, RoleARN=lost)
    assert stack.described()["RoleARN"] == lost
    stack.update(OTHER)
    stack.await_status("UPDATE_COMPLETE")
    assert stack.described()["RoleARN"] == lost
    drop_role(aws, lost)
    before = len(stack.events())
    assert refused(stack.cloudformation.delete_stack, StackName=stack.id) == said(lost)
    assert refused(stack.update, TOPIC) == said(lost)
    assert refused(
        stack.cloudformation.create_change_set,
        StackName=stack.name,
        ChangeSetName="c",
        TemplateBody=json.dumps({"Resources": TOPIC}),
    ) == said(lost)
    assert (stack.status, len(stack.events())) == ("UPDATE_COMPLETE", before)
    assert stack.delete(RoleARN=executor) == "DELETE_COMPLETE"
    assert stack.described()["RoleARN"] == executor


def test_a_role_that_does_not_trust_cloudformation(aws):
    stranger = role(aws, "lambda.amazonaws.com")
    stack = Stack(aws)
    assert "RoleARN" not in stack.described()
    assert refused(stack.cloudformation.delete_stack, StackName=stack.name, RoleARN=stranger) == said(stranger)
    assert "RoleARN" not in stack.described() and stack.status == "CREATE_COMPLETE"
    missing = "arn:aws:iam::000000000000:role/never-was"
    name = fresh()
    assert refused(
        stack.cloudformation.create_stack,
        StackName=name,
        TemplateBody=json.dumps({"Resources": TOPIC}),
        RoleARN=missing,
    ) == said(missing)
    assert refused(stack.cloudformation.describe_stacks, StackName=name)[0] == "ValidationError"


def test_a_change_set_brings_its_role_when_it_is_executed(aws):
    first, second = role(aws), role(aws)
    stack = Stack(aws, RoleARN=first)
    stack.cloudformation.create_change_set(
        StackName=stack.name, ChangeSetName="c", TemplateBody=json.dumps({"Resources": OTHER}), RoleARN=second
    )
    assert stack.described()["RoleARN"] == first
    stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName="c")
    stack.await_status("UPDATE_COMPLETE")
    assert stack.described()["RoleARN"] == second


def test_stock_knows_no_role(stock):
    stack = Stack(stock, RoleARN="arn:aws:iam::000000000000:role/never-was")
    assert "RoleARN" not in stack.described()
    assert stack.delete() == "DELETE_COMPLETE"
