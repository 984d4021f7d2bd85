"""Smoke test of ``api_gateway.failures``, over HTTP."""

from __future__ import annotations

import pytest

from local.tests.rest_api import PROBLEM, Api


@pytest.fixture(scope="module")
def api(aws):
    return Api(aws)


def assert_problem(answer, status, path):
    assert answer.status == status, answer.body
    assert answer.headers.get_all("content-type") == ["application/problem+json"]
    assert answer.headers["access-control-allow-origin"] == "*"
    problem = answer.json
    assert problem["requestId"] == answer.headers["x-amzn-requestid"]
    assert problem["instance"].endswith("/dev/" + path)
    assert problem["gone"] == ""
    assert b"SECRET" not in answer.body
    return problem["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "raise",
        "exit",
        "answer-text",
        "answer-null",
        "answer-without-status",
        "answer-with-more",
        "answer-with-object",
        "answer-list-header",
    ],
)
def test_a_failing_function_is_a_502_of_the_gateway(api, path):
    assert assert_problem(api.call(path), 502, path) == "Internal server error"


def test_a_slow_function_is_a_504_of_the_gateway(api):
    assert assert_problem(api.call("slow"), 504, "slow") == "Endpoint request timed out"


@pytest.mark.parametrize("frozen", [True, False])
def test_a_function_that_cannot_be_invoked_is_an_integration_failure(aws, frozen):
    api = Api(aws)
    aws.client("apigateway").put_gateway_response(
        restApiId=api.id,
        responseType="INTEGRATION_FAILURE",
        statusCode="503",
        responseTemplates={"application/json": PROBLEM},
        responseParameters={"gatewayresponse.header.Retry-After": "'1'"},
    )
    aws.client("apigateway").create_deployment(restApiId=api.id, stageName="dev")
    if frozen:
        aws.client("lambda").put_function_concurrency(FunctionName=api.name, ReservedConcurrentExecutions=0)
    answer = api.call("x" if frozen else "raise")
    assert (answer.status, answer.headers["retry-after"]) == ((503, "1") if frozen else (502, None))
    assert b"SECRET" not in answer.body


@pytest.mark.parametrize(
    ("path", "megabytes", "status"), [("x", 10.1, 413), ("x", 6.1, 413), ("x", 5.5, 200), ("x" * 1600, 0, 414)]
)
def test_what_is_too_large_gets_a_plain_answer(api, path, megabytes, status):
    url = f"/_aws/execute-api/{api.id}/dev/{path}"
    answer = api.aws.call("POST", url, b"x" * int(megabytes * 1024 * 1024), {"Authorization": "good"})
    assert answer.status == status
    if status != 200:
        assert list(answer.json) == ["message"]
        assert answer.headers["access-control-allow-origin"] is None


def test_authorizer_outcomes(api):
    for token in (None, "Unauthorized"):
        answer = api.call("x", token)
        assert assert_problem(answer, 401, "x") == "Unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert assert_problem(api.call("x", "denied"), 403, "x").startswith("User is not authorized")
    for token in ("unauthorized", "bug"):
        assert assert_problem(api.call("x", token), 500, "x") is None


def test_throttling_is_a_429_of_the_gateway(api):
    assert assert_problem(api.call("x", method="PATCH"), 429, "x") == "Too Many Requests"


def test_stock_leaks_the_error_text_and_loses_the_headers(stock):
    api = Api(stock)
    answer = api.call("raise")
    assert b"SECRET-ERROR-TEXT" in answer.body
    assert answer.headers["access-control-allow-origin"] is None
    assert api.call("answer-null").status == 200
