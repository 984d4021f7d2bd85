"""Smoke test of ``api_gateway.account``: how often the account setting changes, and what needs it."""

from __future__ import annotations

import pytest

from local.tests.aws import until
from local.tests.corrections.api_gateway.test_settings import STAGE
from local.tests.stacks import Stack, let_gateway_log, own_account, refused, role

NO_ROLE = "CloudWatch Logs role ARN must be set in account settings to enable logging"
QUIET = {**STAGE, "Stage": {**STAGE["Stage"], "Properties": {**STAGE["Stage"]["Properties"]}}}
del QUIET["Stage"]["Properties"]["AccessLogSetting"]


def account_stack(arn: str) -> dict:
    return {"Account": {"Type": "AWS::ApiGateway::Account", "Properties": {"CloudWatchRoleArn": arn}}}


def with_level(level: str) -> dict:
    settings = [{"ResourcePath": "/*", "HttpMethod": "*", "LoggingLevel": level}]
    stage = {**QUIET["Stage"], "Properties": {**QUIET["Stage"]["Properties"], "MethodSettings": settings}}
    return {**QUIET, "Stage": stage}


def test_the_setting_changes_once_in_20_seconds(aws):
    account = own_account()
    gateway = aws.client("apigateway", account=account)
    arn = let_gateway_log(aws, account)
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}
    assert refused(gateway.update_account, patchOperations=[operation])[0] == "TooManyRequestsException"
    assert gateway.get_account()["cloudwatchRoleArn"] == arn
    let_gateway_log(aws, own_account())


def test_two_stacks_that_both_set_it_are_one_too_many(aws):
    account = own_account()
    arn = role(aws, "apigateway.amazonaws.com", account=account)
    Stack(aws, account_stack(arn), account=account)
    second = Stack(aws, account_stack(arn), account=account, expect="ROLLBACK_COMPLETE")
    assert "Too Many Requests (Service: ApiGateway, Status Code: 429" in second.why("Account", "CREATE_FAILED")


@pytest.mark.parametrize("resources", [STAGE, with_level("ERROR")])
def test_a_stage_that_logs_needs_it(aws, resources):
    account = own_account()
    refused_stack = Stack(aws, resources, account=account, expect="ROLLBACK_COMPLETE")
    assert NO_ROLE in refused_stack.why("Stage", "CREATE_FAILED")
    let_gateway_log(aws, account)
    Stack(aws, resources, account=account)


def test_a_stage_that_is_to_log_later_needs_it_too(aws):
    account = own_account()
    stack, gateway = Stack(aws, with_level("OFF"), account=account), aws.client("apigateway", account=account)
    api = stack.cloudformation.describe_stack_resources(StackName=stack.id, LogicalResourceId="Api")
    stage = {"restApiId": api["StackResources"][0]["PhysicalResourceId"], "stageName": "dev"}
    group = f"arn:aws:logs:us-east-1:{account}:log-group:/access"
    for path, value in (("/*/*/logging/loglevel", "INFO"), ("/accessLogSettings/destinationArn", group)):
        operation = {"op": "replace", "path": path, "value": value}
        refusal = refused(gateway.update_stage, **stage, patchOperations=[operation])
        assert refusal == ("BadRequestException", NO_ROLE)
    gateway.update_stage(
        **stage, patchOperations=[{"op": "replace", "path": "/*/*/logging/loglevel", "value": "OFF"}]
    )
    stack.update(with_level("ERROR"))
    until(lambda: stack.status == "UPDATE_ROLLBACK_COMPLETE")
    assert NO_ROLE in stack.why("Stage", "UPDATE_FAILED")


def test_stock_takes_every_stage_and_any_number_of_changes(stock):
    account = own_account()
    Stack(stock, STAGE, account=account)
    for _ in range(2):
        Stack(stock, account_stack(f"arn:aws:iam::{account}:role/any"), account=account)
