"""Smoke test of ``api_gateway.access_log``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.tests.aws import until
from local.tests.rest_api import Api
from local.tests.stacks import fresh


@pytest.fixture(scope="module")
def api(aws):
    return Api(aws)


def test_every_request_leaves_an_access_log_line(api):
    served, refused = api.call("x"), api.call("x", "denied")
    logs = api.aws.client("logs")

    def lines(group=api.access):
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    until(lambda: any(refused.headers["x-amzn-requestid"] in line for line in lines()))
    (line,) = [line for line in lines() if line.startswith(f"{served.headers['x-amzn-requestid']} 200 p - - ")]
    started = f"START RequestId: {line.rsplit(' ', 1)[1]} "
    until(lambda: any(message.startswith(started) for message in lines(f"/aws/lambda/{api.name}")))
    assert f"{refused.headers['x-amzn-requestid']} 403 - ACCESS_DENIED - -" in lines()


def test_its_lines_are_counted_by_metric_filters(api):
    namespace, now = fresh("Access"), datetime.now(UTC)
    change = {"metricName": "Lines", "metricNamespace": namespace, "metricValue": "1"}
    api.aws.client("logs").put_metric_filter(
        logGroupName=api.access, filterName="f", filterPattern="200", metricTransformations=[change]
    )
    api.call("x")

    def counted():
        points = api.aws.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName="Lines",
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=60,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in points["Datapoints"])

    until(lambda: counted() == 1)


def test_stock_writes_no_access_log(stock):
    api = Api(stock)
    api.call("x")
    assert stock.client("logs").describe_log_streams(logGroupName=api.access)["logStreams"] == []
