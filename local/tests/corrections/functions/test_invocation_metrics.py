"""Smoke test of ``functions.invocation_metrics``: what the authorizer, the gateway and Invoke leave in AWS/Lambda."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from local.tests.aws import create_function
from local.tests.rest_api import Api
from local.tests.stacks import fresh

FAILING = "def handler(event):\n    raise RuntimeError('no')"


def count(aws, function: str, metric: str) -> float:
    now = datetime.now(UTC)
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in found["Datapoints"])


def counts(aws, function: str) -> tuple[float, float, float]:
    return tuple(count(aws, function, metric) for metric in ("Invocations", "Errors", "Throttles"))


def test_a_refused_token_counts_as_an_error_of_the_authorizer(aws):
    api = Api(aws)
    assert api.call("x").status == 200
    assert counts(aws, f"{api.name}-authorizer") == (1, 0, 0)
    assert api.call("x", "Unauthorized").status == 401
    assert counts(aws, f"{api.name}-authorizer") == (2, 1, 0)
    assert counts(aws, api.name) == (1, 0, 0)


def test_an_invocation_by_call_counts_once_and_a_throttled_one_not_at_all(aws):
    name, functions = fresh("metrics"), aws.client("lambda")
    create_function(aws, name, FAILING)
    functions.invoke(FunctionName=name)
    assert counts(aws, name) == (1, 1, 0)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        functions.invoke(FunctionName=name)
    except functions.exceptions.TooManyRequestsException:
        pass
    assert counts(aws, name) == (1, 1, 1)


def test_stock_counts_nothing_of_the_authorizer(stock):
    api = Api(stock)
    assert api.call("x", "Unauthorized").status == 401
    assert counts(stock, f"{api.name}-authorizer") == (0, 0, 0)
