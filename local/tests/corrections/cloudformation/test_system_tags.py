"""Smoke test of ``cloudformation.system_tags``."""

from __future__ import annotations

from local.tests.stacks import TABLE, Stack, fresh

ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}}


def tags(aws) -> list[set[str]]:
    """Returns the tag names of a table, a role and a log group of one stack."""
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{fresh('group')}"}}
    stack = Stack(aws, {"Table": TABLE, "Role": ROLE, "Group": group}, Tags=[{"Key": "team", "Value": "a"}])
    dynamodb = aws.client("dynamodb")
    arn = dynamodb.describe_table(TableName=stack.physical("Table"))["Table"]["TableArn"]
    of_group = aws.client("logs").list_tags_log_group(logGroupName=stack.physical("Group"))["tags"]
    return [
        {tag["Key"] for tag in dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]},
        {tag["Key"] for tag in aws.client("iam").list_role_tags(RoleName=stack.physical("Role"))["Tags"]},
        set(of_group),
    ]


SYSTEM = {"aws:cloudformation:stack-name", "aws:cloudformation:stack-id", "aws:cloudformation:logical-id"}


def test_tables_and_roles_get_the_stacks_tags_but_none_of_cloudformation(aws):
    assert tags(aws) == [{"team"}, {"team"}, {"team"} | SYSTEM]


def test_stock_tags_them_too(stock):
    assert tags(stock) == [{"team"} | SYSTEM] * 3
