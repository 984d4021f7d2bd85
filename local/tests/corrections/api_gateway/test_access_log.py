"""Smoke test of ``api_gateway.access_log``."""

from __future__ import annotations

import pytest

from local.tests.aws import until
from local.tests.rest_api import Api


@pytest.fixture(scope="module")
def api(aws):
    return Api(aws)


def test_every_request_leaves_an_access_log_line(api):
    served, refused = api.call("x"), api.call("x", "denied")
    logs = api.aws.client("logs")

    def lines():
        return [event["message"] for event in logs.filter_log_events(logGroupName=api.access)["events"]]

    until(lambda: any(refused.headers["x-amzn-requestid"] in line for line in lines()))
    assert f"{served.headers['x-amzn-requestid']} 200 p - -" in lines()
    assert f"{refused.headers['x-amzn-requestid']} 403 - ACCESS_DENIED -" in lines()


def test_stock_writes_no_access_log(stock):
    api = Api(stock)
    api.call("x")
    assert stock.client("logs").describe_log_streams(logGroupName=api.access)["logStreams"] == []
