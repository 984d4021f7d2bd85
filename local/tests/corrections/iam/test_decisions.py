"""Smoke test of ``iam.decisions``."""

from __future__ import annotations

from local.needed import needed, statements
from local.tests.iam import User, allow, table
from local.tests.stacks import Stack, refused


def test_what_a_templates_role_was_allowed_is_remembered_with_the_statement_it_needed(iam):
    name = table(iam)
    policy = {"Version": "2012-10-17", "Statement": [allow("dynamodb:GetItem"), allow("dynamodb:PutItem")]}
    managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy}}
    stack = Stack(iam, {"Reader": managed})
    user = User(iam)
    iam.client("iam").attach_user_policy(UserName=user.name, PolicyArn=stack.physical("Reader"))
    user.client("dynamodb").get_item(TableName=name, Key={"PK": {"S": "a"}})
    refused(user.client("dynamodb").delete_item, TableName=name, Key={"PK": {"S": "a"}})

    recorded = iam.call("GET", "/_local/decisions").json
    calls = [call for call in recorded["calls"] if call["principal"].endswith(user.name)]
    assert [call["action"] for call in calls] == ["dynamodb:GetItem"]
    found = needed({"policies": recorded["policies"], "calls": calls})
    assert found == {("Reader", 0): {"dynamodb:GetItem"}}
    listed = [(s.policy, s.place, s.actions) for s in statements({"Resources": {"Reader": managed}})]
    assert listed == [("Reader", 0, ("dynamodb:GetItem",)), ("Reader", 1, ("dynamodb:PutItem",))]
