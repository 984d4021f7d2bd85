"""Smoke test of ``logs.put_events``: the limits of PutLogEvents."""

from __future__ import annotations

import time
import uuid

import botocore.exceptions
import pytest


@pytest.fixture(scope="module")
def target(aws):
    return _target(aws)


def _target(aws):
    name = f"/limits/{uuid.uuid4().hex[:8]}"
    aws.client("logs").create_log_group(logGroupName=name)
    aws.client("logs").create_log_stream(logGroupName=name, logStreamName="s")
    return {"logGroupName": name, "logStreamName": "s"}


def now(**delta) -> int:
    return int((time.time() + delta.get("hours", 0) * 3600) * 1000)


def put(aws, target, *events):
    return aws.client("logs").put_log_events(
        **target, logEvents=[{"timestamp": at, "message": text} for at, text in events]
    )


def refused(aws, target, *events) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        put(aws, target, *events)
    return raised.value.response["Error"]["Code"]


def test_batches_that_are_refused(aws, target):
    at = now()
    assert refused(aws, target, (at, "b"), (at - 1, "a")) == "InvalidParameterException"
    assert refused(aws, target, (at - 25 * 3_600_000, "a"), (at, "b")) == "InvalidParameterException"
    assert refused(aws, target, *[(at, "x")] * 10_001) == "InvalidParameterException"
    assert refused(aws, target, (at, "é" * 300_000), (at, "x" * 448_600)) == "InvalidParameterException"
    assert refused(aws, {**target, "logStreamName": "none"}, (at, "a")) == "ResourceNotFoundException"
    assert refused(aws, {**target, "logGroupName": "none"}, (at, "a")) == "ResourceNotFoundException"


def test_events_that_are_rejected_one_by_one(aws, target):
    late = put(aws, target, (now(), "now"), (now(hours=3), "too new"))
    assert late["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    early = put(aws, target, (now(hours=-15 * 24), "too old"))
    assert early["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    stored = aws.client("logs").get_log_events(**target, startFromHead=True)["events"]
    assert [event["message"] for event in stored] == ["now"]


def test_stock_stores_everything(stock):
    target, at = _target(stock), now()
    assert "rejectedLogEventsInfo" not in put(stock, target, (at, "b"), (at - 1, "a"), (now(hours=30), "c"))
