"""Smoke test of ``api_gateway.mock``, over HTTP."""

from __future__ import annotations

import pytest

from local.tests.rest_api import Api


@pytest.fixture(scope="module")
def api(aws):
    return Api(aws)


def test_a_preflight_answers_what_its_mapping_says(api):
    for origin, allowed in (
        ("https://first", "https://first"),
        ("https://third", "https://third"),
        ("https://evil", "https://first"),
    ):
        answer = api.call("x", token=None, method="OPTIONS", Origin=origin)
        assert (answer.status, answer.body, answer.headers["access-control-allow-origin"]) == (204, b"", allowed)
        assert answer.headers["x-request-id"] == answer.headers["x-amzn-requestid"]


def test_stock_sends_a_mapping_as_it_stands(stock):
    answer = Api(stock).call("x", token=None, method="OPTIONS")
    assert answer.headers["x-request-id"] == "context.requestId"
