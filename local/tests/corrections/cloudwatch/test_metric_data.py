"""Smoke test of ``cloudwatch.metric_data``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.corrections.cloudwatch.queries import members
from local.tests.aws import Launcher
from local.tests.stacks import fresh, refused

BEGIN = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)


def queried(aws: Launcher, space: str, *queries: dict, **more) -> dict[str, list[float]]:
    cloudwatch = aws.client("cloudwatch")
    given = {"StartTime": BEGIN, "EndTime": BEGIN + timedelta(minutes=3), "ScanBy": "TimestampAscending", **more}
    found = cloudwatch.get_metric_data(MetricDataQueries=list(queries), **given)["MetricDataResults"]
    return {result["Label"]: result["Values"] for result in found}


def metric(space: str, name: str, stat: str = "Sum", **dimensions: str) -> dict:
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"Metric": {"Namespace": space, "MetricName": name, "Dimensions": named}, "Period": 60, "Stat": stat}


def published(aws: Launcher) -> str:
    space = fresh("Space")
    data = [
        {"MetricName": name, "Timestamp": BEGIN + timedelta(minutes=minute), "Value": value, "Dimensions": dimensions}
        for name, minute, value, dimensions in (
            ("Errors", 0, 1, []),
            ("Errors", 2, 3, []),
            ("Calls", 0, 4, []),
            ("Calls", 1, 4, []),
            ("Calls", 2, 4, []),
            ("Calls", 2, 100, [{"Name": "Stage", "Value": "dev"}]),
        )
    ]
    aws.client("cloudwatch").put_metric_data(Namespace=space, MetricData=data)
    return space


def test_expressions_are_computed(aws):
    space = published(aws)
    queries = (
        {"Id": "errors", "MetricStat": metric(space, "Errors"), "ReturnData": False},
        {"Id": "calls", "MetricStat": metric(space, "Calls"), "Label": "calls"},
        {"Id": "rate", "Expression": "FILL(errors, 0) / calls", "Label": "rate"},
        {"Id": "percent", "Expression": "rate * 100", "Label": "percent"},
    )
    assert queried(aws, space, *queries) == {"calls": [4, 4, 4], "rate": [0.25, 0, 0.75], "percent": [25, 0, 75]}
    newest_first = queried(aws, space, *queries, ScanBy="TimestampDescending")
    assert newest_first["percent"] == [75, 0, 25]


def test_a_metric_is_read_by_its_dimensions(aws):
    space = published(aws)
    assert queried(aws, space, {"Id": "m", "MetricStat": metric(space, "Calls", Stage="dev")}) == {"Calls": [100]}


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"Id": "e", "Expression": "SEARCH('x', 'Sum')"}, "The function SEARCH is not supported"),
        ({"Id": "e", "Expression": "missing + 1"}, "Unknown id 'missing'"),
        ({"Id": "Big", "Expression": "1"}, "does not start with a lowercase letter"),
        ({"Id": "m", "MetricStat": metric("s", "Calls", stat="tm90")}, "The value tm90 for parameter Stat is not supported."),
        ({"Id": "m"}, "must have either a MetricStat or an Expression"),
    ],
)
def test_what_cannot_be_computed_is_refused(aws, query, why):
    given = {"StartTime": BEGIN, "EndTime": BEGIN + timedelta(minutes=3)}
    code, message = refused(aws.client("cloudwatch").get_metric_data, MetricDataQueries=[query], **given)
    assert code == "ValidationError"
    assert why in message


def test_a_request_of_the_query_protocol_has_its_lists():
    metric = "Metrics.member.1.MetricStat.Metric"
    form = {
        "AlarmName": ["a"],
        "Metrics.member.1.Id": ["m"],
        f"{metric}.Dimensions.member.1.Name": ["Stage"],
        f"{metric}.Dimensions.member.1.Value": ["dev"],
        "Metrics.member.2.Expression": ["m * 2"],
    }
    first = {"Id": "m", "MetricStat": {"Metric": {"Dimensions": [{"Name": "Stage", "Value": "dev"}]}}}
    assert members(form, "Metrics") == [first, {"Expression": "m * 2"}]
    assert members({"AlarmName": ["a"]}, "Metrics") == []


def test_stock_computes_no_expression(stock):
    space = published(stock)
    calls = {"Id": "calls", "MetricStat": metric(space, "Calls")}
    assert queried(stock, space, calls, {"Id": "e", "Expression": "calls * 2", "Label": "double"})["double"] == []
