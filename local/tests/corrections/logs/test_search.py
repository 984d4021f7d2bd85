"""Smoke test of ``logs.search`` and the patterns it understands."""

from __future__ import annotations

import json
import time

import pytest

from local.corrections.logs import patterns
from local.tests.stacks import fresh, refused

ENTRY = json.dumps({"id": "s-1", "n": 3, "ok": True, "user": {"name": "ann"}, "tags": ["x"], "gone": None})


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("", True),
        ("ann", True),
        ("bob", False),
        ('"s-1" ann', True),
        ('"s-1" bob', False),
        ('?"s-1" ?"s-2"', True),
        ("?bob ?eve", False),
        ('ann -"s-1"', False),
        ('-"s-2"', True),
        ("%s-[0-9]%", True),
        ('{ $.id = "s-1" }', True),
        ('{ $.id = "s-*" && $.n > 2 }', True),
        ('{ $.id = "s-2" || ($.n <= 3 && $.user.name != "bob") }', True),
        ("{ $.ok IS TRUE && $.gone IS NULL && $.none NOT EXISTS }", True),
        ('{ $.tags[0] = "y" }', False),
        ("{ $.none = 1 }", False),
    ],
)
def test_patterns(pattern, matches):
    assert patterns.compiled(pattern)(ENTRY) is matches


@pytest.mark.parametrize("pattern", ["s-1", '{ $.id = "s-1"', "{ $.id }", "{ id = 1 }", "[a, b]"])
def test_patterns_that_are_refused(pattern):
    with pytest.raises(patterns.InvalidPattern):
        patterns.compiled(pattern)


def stored(aws, count: int) -> str:
    logs, group, now = aws.client("logs"), f"/{fresh('search')}", int(time.time() * 1000)
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    events = [{"timestamp": now, "message": json.dumps({"id": f"s-{n}"})} for n in range(count)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    return group


def test_what_is_sought_may_be_on_a_later_page(aws):
    logs, group = aws.client("logs"), stored(aws, 250)
    first = logs.filter_log_events(logGroupName=group, filterPattern='{ $.id = "s-249" }')
    assert first["events"] == [] and first["nextToken"]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern='"s-249"')
    [found] = [event for page in pages for event in page["events"]]
    assert found["message"] == '{"id": "s-249"}' and found["eventId"]
    assert len(logs.filter_log_events(logGroupName=group, limit=2)["events"]) == 2
    other = {"logGroupName": group, "nextToken": first["nextToken"]}
    assert refused(logs.filter_log_events, **other)[0] == "InvalidParameterException"
    assert refused(logs.filter_log_events, logGroupName=group, filterPattern="s-1")[0] == "InvalidParameterException"


def test_a_long_group_is_walked_in_few_pages_and_an_event_keeps_its_id(aws):
    logs, group = aws.client("logs"), stored(aws, 3000)
    search = {"logGroupName": group, "filterPattern": '{ $.id = "s-1*" }'}
    pages = [page["events"] for page in logs.get_paginator("filter_log_events").paginate(**search)]
    found = [event for page in pages for event in page]
    assert len(pages) == 6  # 100, 100, 200, 400, 800 and the rest
    assert len(found) == len({event["eventId"] for event in found}) == 1111
    again = logs.filter_log_events(logGroupName=group, filterPattern='"s-1999"', startTime=found[0]["timestamp"])
    while not again["events"]:
        again = logs.filter_log_events(
            logGroupName=group, filterPattern='"s-1999"', startTime=found[0]["timestamp"], nextToken=again["nextToken"]
        )
    assert again["events"][0]["eventId"] in {event["eventId"] for event in found}


def test_stock_matches_everything(stock):
    events = stock.client("logs").filter_log_events(logGroupName=stored(stock, 3), filterPattern='{ $.id = "none" }')
    assert len(events["events"]) == 3
