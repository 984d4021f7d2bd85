"""Smoke test of ``api_gateway.encoding``, and of what ``api_gateway.mock`` makes of binary media types, over HTTP."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest

from local.tests.aws import until
from local.tests.rest_api import Api

SETTINGS = {"binaryMediaTypes": ["application/json"], "minimumCompressionSize": 1000}


@pytest.fixture(scope="module")
def api(aws):
    return Api(aws, **SETTINGS)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("GZIP;q=0.5, deflate;q=0.9", "deflate"),
        ("br, gzip;q=0.9", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("*", None),
        (None, None),
    ],
)
def test_a_long_answer_is_compressed_as_accept_encoding_says(api, accepted, coding):
    answer = api.call("long-1000", **({"Accept-Encoding": accepted} if accepted else {}))
    assert answer.headers["content-encoding"] == coding
    inflate = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding]
    assert inflate(answer.body) == b"x" * 1000
    assert int(answer.headers["content-length"]) == len(answer.body)


def test_a_short_answer_is_not_compressed(api):
    answer = api.call("long-999", **{"Accept-Encoding": "gzip"})
    assert (answer.headers["content-encoding"], len(answer.body)) == (None, 999)


def test_a_compressed_body_arrives_inflated(api):
    headers = {"Content-Type": "application/json"}
    for coding, body in (("gzip", gzip.compress(b"{}")), ("Deflate", zlib.compress(b"{}")), ("identity", b"{}")):
        answer = api.call("echo", method="POST", body=body, **headers, **{"Content-Encoding": coding})
        assert answer.json == [base64.b64encode(b"{}").decode(), True], coding
    for coding, body in (("gzip", b"{}"), ("br", b"{}"), ("gzip", gzip.compress(b"{}")[:-4])):
        answer = api.call("echo", method="POST", body=body, **headers, **{"Content-Encoding": coding})
        assert (answer.status, answer.json["detail"]) == (415, "Unsupported Media Type"), coding


def test_a_body_of_a_binary_media_type_arrives_as_it_was_sent(api):
    body = b'{"title":"\xff"}'
    answer = api.call("echo", method="POST", body=body, **{"Content-Type": "application/json; charset=utf-8"})
    assert answer.json == [base64.b64encode(body).decode(), True]
    answer = api.call("echo", method="POST", body=body, **{"Content-Type": "text/plain"})
    assert answer.json == [body.decode(errors="replace"), False]


def test_a_text_answer_stays_text_whatever_is_accepted(api):
    assert api.call("long-5", Accept="application/json").body == b"xxxxx"


def test_a_mock_cannot_read_a_binary_body_unless_it_is_made_text(aws, api):
    preflight = {"token": None, "method": "OPTIONS"}
    json_type = {"Content-Type": "application/json"}
    assert api.call("x", **preflight, **json_type).status == 500
    assert api.call("x", **preflight).status == 500
    gateway = aws.client("apigateway")
    proxy = next(item["id"] for item in gateway.get_resources(restApiId=api.id)["items"] if item["path"] == "/{proxy+}")
    path = {"restApiId": api.id, "resourceId": proxy, "httpMethod": "OPTIONS"}
    api._add_preflight(gateway, api.id, proxy, contentHandling="CONVERT_TO_TEXT")
    gateway.create_deployment(restApiId=api.id, stageName="dev")
    until(lambda: api.call("x", **preflight, body=b"\xff", **json_type).status == 204)
    assert api.call("x", **preflight).status == 204
    text = {"Content-Type": "text/plain"}
    assert api.call("x", **preflight, body=b"x", **text).status == 500, "passed through, without a statusCode"
    operation = {"op": "replace", "path": "/passthroughBehavior", "value": "NEVER"}
    gateway.update_integration(**path, patchOperations=[operation])
    gateway.create_deployment(restApiId=api.id, stageName="dev")
    until(lambda: api.call("x", **preflight, body=b"x", **text).status == 415)


def test_stock_neither_compresses_nor_inflates_nor_minds_a_binary_preflight(stock):
    api = Api(stock, **SETTINGS)
    assert api.call("long-1000", **{"Accept-Encoding": "gzip"}).headers["content-encoding"] is None
    sent = gzip.compress(b"{}", mtime=0)
    answer = api.call("echo", method="POST", body=sent, **{"Content-Encoding": "gzip", "Content-Type": "application/json"})
    assert base64.b64decode(json.loads(answer.body)[0]) == sent
    assert api.call("x", token=None, method="OPTIONS", **{"Content-Type": "application/json"}).status == 204
