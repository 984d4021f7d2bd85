"""Smoke test of ``api_gateway.settings``: freezing and thawing a stage, and what is refused."""

from __future__ import annotations

import pytest

from local.tests.aws import until
from local.tests.corrections.cloudformation.test_template_properties import API
from local.tests.stacks import Stack, own_account, refused, role

STAGE = {name: API[name] for name in ("Api", "Root", "Deployment", "Stage")}


def limits(value: str | None) -> list[dict]:
    paths = ("/*/*/throttling/rateLimit", "/*/*/throttling/burstLimit")
    if value is None:
        return [{"op": "remove", "path": path} for path in paths]
    return [{"op": "replace", "path": path, "value": value} for path in paths]


def test_a_stage_throttled_to_nothing_answers_429(aws):
    stack, gateway = Stack(aws, STAGE), aws.client("apigateway")
    stage = {"restApiId": stack.physical("Api"), "stageName": "dev"}
    url = f"/_aws/execute-api/{stage['restApiId']}/dev/"
    free = aws.call("GET", url).status
    assert free != 429
    settings = gateway.update_stage(**stage, patchOperations=limits("0"))["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (0, 0)
    until(lambda: aws.call("GET", url).status == 429)
    gateway.update_stage(**stage, patchOperations=limits(None))
    assert "throttlingRateLimit" not in gateway.get_stage(**stage)["methodSettings"]["*/*"]
    until(lambda: aws.call("GET", url).status == free)
    gateway.update_stage(**stage, patchOperations=[{"op": "remove", "path": "/*/*"}])
    assert not gateway.get_stage(**stage).get("methodSettings")
    for operation in (
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "x"},
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "-1"},
        {"op": "replace", "path": "/*/*/throttle/rate", "value": "1"},
    ):
        assert refused(gateway.update_stage, **stage, patchOperations=[operation])[0] == "BadRequestException"


@pytest.mark.parametrize("service", ["lambda.amazonaws.com", None])
def test_the_account_takes_only_a_role_that_gateway_can_assume(aws, service):
    account = own_account()
    arn = role(aws, service, account=account) if service else f"arn:aws:iam::{account}:role/none"
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}
    update = aws.client("apigateway", account=account).update_account
    assert refused(update, patchOperations=[operation])[0] == "BadRequestException"


def test_stock_takes_any_path(stock):
    stack = Stack(stock, STAGE)
    operation = {"op": "replace", "path": "/*/*/throttle/rate", "value": "1"}
    stage = {"restApiId": stack.physical("Api"), "stageName": "dev"}
    stock.client("apigateway").update_stage(**stage, patchOperations=[operation])


def test_a_template_changes_a_stages_limits(aws):
    def limited(rate):
        settings = [{"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": rate, "ThrottlingBurstLimit": 1}]
        stage = {**STAGE["Stage"], "Properties": {**STAGE["Stage"]["Properties"], "MethodSettings": settings}}
        return {**STAGE, "Stage": stage}

    stack = Stack(aws, limited(5))
    stack.update(limited(7))
    stack.await_status("UPDATE_COMPLETE")
    stage = aws.client("apigateway").get_stage(restApiId=stack.physical("Api"), stageName="dev")
    assert stage["methodSettings"]["*/*"]["throttlingRateLimit"] == 7
