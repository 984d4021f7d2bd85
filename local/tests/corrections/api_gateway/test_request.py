"""Smoke test of ``api_gateway.request``, over HTTP."""

from __future__ import annotations

import json

import pytest

from local.tests.rest_api import Api


@pytest.fixture(scope="module")
def api(aws):
    return Api(aws)


def test_the_function_sees_the_request_as_the_client_sent_it(api):
    answer = api.call("a%20b/c", **{"X-Forwarded-For": "203.0.113.9"})
    context, headers = answer.json["context"], answer.json["headers"]
    assert context["path"] == f"/_aws/execute-api/{api.id}/dev/a%20b/c"
    assert context["requestId"] == answer.headers["x-amzn-requestid"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert headers["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"
    assert context["domainName"] == headers["host"]


def test_the_last_line_of_a_header_is_its_single_value(api):
    assert api.see_lines("a", "b, c", "d") == ("d", ["a", "b, c", "d"])


def test_stock_gives_another_path_and_joins_lines(stock):
    api = Api(stock)
    assert json.loads(api.call("x").body)["context"]["path"] == "/dev/x"
    assert api.see_lines("a", "b") == ("a, b", ["a, b"])
