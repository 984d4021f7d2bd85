"""Smoke test of ``functions.runtime_api``."""

from __future__ import annotations

import json
import uuid

from local.tests.aws import create_function

# With Nagle's algorithm at work, headers and body of /next arrive some 40 ms apart; the function measures the gap.
MEASURING = """
gaps = []
read = http.client.HTTPResponse.read
def timed(self, *a):
    begun = time.perf_counter()
    body = read(self, *a)
    if self.headers.get("Lambda-Runtime-Aws-Request-Id"):
        gaps.append(time.perf_counter() - begun)
    return body
http.client.HTTPResponse.read = timed
def handler(event):
    return {"gap": sorted(gaps)[len(gaps) // 2]}
"""


def median_gap(aws) -> float:
    name = f"nodelay-{uuid.uuid4().hex[:8]}"
    create_function(aws, name, MEASURING)
    client = aws.client("lambda")
    for _ in range(12):
        answer = json.loads(client.invoke(FunctionName=name, Payload=b"{}")["Payload"].read())
    return answer["gap"]


def test_headers_and_body_arrive_together_and_in_stock_they_do_not(aws, stock):
    assert median_gap(aws) * 5 < median_gap(stock)
