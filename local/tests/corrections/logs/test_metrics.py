"""Smoke test of ``logs.metrics``: metric filters, the embedded metric format and TestMetricFilter."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from local.corrections.logs import embedded
from local.tests.aws import create_function, until
from local.tests.stacks import Stack, fresh, refused


class Log:
    """A log group with a stream, and the metrics of a namespace of its own."""

    def __init__(self, aws):
        self.aws, self.name, self.namespace = aws, f"/{fresh('measured')}", fresh("Measured")
        self._logs = aws.client("logs")
        self._logs.create_log_group(logGroupName=self.name)
        self._logs.create_log_stream(logGroupName=self.name, logStreamName="s")

    def filter(self, pattern: str, **transformation) -> None:
        change = {"metricName": "M", "metricNamespace": self.namespace, "metricValue": "1", **transformation}
        self._logs.put_metric_filter(
            logGroupName=self.name, filterName="f", filterPattern=pattern, metricTransformations=[change]
        )

    def write(self, *lines, minutes: int = 0) -> None:
        at = int((time.time() - 60 * minutes) * 1000)
        events = [{"timestamp": at, "message": line if isinstance(line, str) else json.dumps(line)} for line in lines]
        self._logs.put_log_events(logGroupName=self.name, logStreamName="s", logEvents=events)

    def points(self, metric: str = "M", namespace: str | None = None, period: int = 60, **dimensions) -> list[tuple]:
        """Returns count, sum and maximum of each period that has points."""
        now = datetime.now(UTC)
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace=namespace or self.namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=period,
            Statistics=["SampleCount", "Sum", "Maximum"],
        )["Datapoints"]
        found.sort(key=lambda point: point["Timestamp"])
        return [(point["SampleCount"], point["Sum"], point["Maximum"]) for point in found]


def test_a_filter_counts_the_lines_that_match(aws):
    log = Log(aws)
    log.filter('{ $.level = "ERROR" }')
    log.write({"level": "ERROR"}, {"level": "INFO"}, {"level": "ERROR"}, "text", minutes=5)
    assert log.points() == [(2, 2, 1)]


def test_the_value_is_a_field_and_so_are_the_dimensions(aws):
    log = Log(aws)
    log.filter(
        '{ $.latency = * && $.route = "*" }', metricValue="$.latency", dimensions={"Route": "$.route"}, unit="Milliseconds"
    )
    log.write({"latency": 3, "route": "a"}, {"latency": 5, "route": "a"}, {"latency": 7, "route": "b"}, minutes=5)
    log.write({"latency": "slow", "route": "a"}, {"latency": 9}, minutes=5)
    assert log.points(Route="a") == [(2, 8, 5)]
    assert log.points(Route="b") == [(1, 7, 7)]
    assert log.points() == []


def test_the_default_is_the_value_of_a_minute_without_a_match(aws):
    log = Log(aws)
    log.filter("ERROR", metricValue="2", defaultValue=0.5)
    log.write("fine", "fine", minutes=9)
    log.write("fine", minutes=9)
    log.write("ERROR", "fine", minutes=5)
    assert log.points() == [(1, 0.5, 0.5), (1, 2, 2)]


def test_transformations_that_are_refused(aws):
    log = Log(aws)
    for pattern, change in (
        ('{ $.id = "a"', {}),
        ('{ $.id = "a" }', {"dimensions": {"Id": "$.id"}, "defaultValue": 0}),
        ('{ $.id = "a" }', {"dimensions": {name: "$.id" for name in "abcd"}}),
        ('{ $.id = "a" }', {"dimensions": {"Id": "id"}}),
        ("a", {"metricValue": "one"}),
    ):
        assert refused(log.filter, pattern, **change)[0] == "InvalidParameterException", (pattern, change)


def test_the_filter_of_a_template_counts_too_until_it_is_gone(aws):
    log = Log(aws)
    change = {"MetricName": "M", "MetricNamespace": log.namespace, "MetricValue": "1", "DefaultValue": 0}
    properties = {"LogGroupName": log.name, "FilterPattern": "ERROR", "MetricTransformations": [change]}
    stack = Stack(aws, {"Filter": {"Type": "AWS::Logs::MetricFilter", "Properties": properties}})
    log.write("ERROR", minutes=5)
    assert stack.delete() == "DELETE_COMPLETE"
    log.write("ERROR", minutes=9)
    assert log.points() == [(1, 1, 1)]


def test_a_line_in_the_embedded_format_adds_its_metrics(aws):
    log, at = Log(aws), int(time.time() * 1000) - 600_000
    metrics = [{"Name": "Latency", "Unit": "Milliseconds"}, {"Name": "Count"}]
    directive = {"Namespace": log.namespace, "Dimensions": [["Route"], ["Route", "Method"], []], "Metrics": metrics}
    log.write(
        {
            "_aws": {"Timestamp": at, "CloudWatchMetrics": [directive]},
            "Route": "/tasks",
            "Method": "GET",
            "Latency": [4, 6, 6],
            "Count": 1,
            "more": {"is": "allowed"},
        }
    )
    for dimensions in ({"Route": "/tasks"}, {"Route": "/tasks", "Method": "GET"}, {}):
        assert log.points("Latency", **dimensions) == [(3, 16, 6)]
        assert log.points("Count", **dimensions) == [(1, 1, 1)]
    assert log.points("Latency", Method="GET") == []


def test_a_malformed_line_counts_as_one(aws):
    log = Log(aws)
    log.write({"_aws": {"CloudWatchMetrics": [{"Namespace": log.namespace}]}}, minutes=5)
    assert log.points("EMFValidationErrors", "AWS/Logs", LogGroupName=log.name) == [(1, 1, 1)]


def test_what_a_function_prints_is_measured(aws):
    log, name = Log(aws), fresh("measured")
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [{"Namespace": log.namespace, "Dimensions": [[]], "Metrics": [{"Name": "Printed"}]}],
        },
        "Printed": 7,
    }
    create_function(aws, name, f"def handler(event):\n    print({json.dumps(json.dumps(line))}, flush=True)")
    aws.client("lambda").invoke(FunctionName=name)
    until(lambda: log.points("Printed") == [(1, 7, 7)])


def document(**more) -> dict:
    directive = {"Namespace": "N", "Dimensions": [["D"]], "Metrics": [{"Name": "M"}], **more.pop("directive", {})}
    return {"_aws": {"Timestamp": 1000, "CloudWatchMetrics": [directive], **more.pop("aws", {})}, "D": "d", "M": 1, **more}


@pytest.mark.parametrize(
    "malformed",
    [
        {"aws": {"Timestamp": None}},
        {"aws": {"Timestamp": "2026"}},
        {"aws": {"CloudWatchMetrics": {}}},
        {"aws": {"CloudWatchMetrics": [1]}},
        {"directive": {"Namespace": ""}},
        {"directive": {"Dimensions": ["D"]}},
        {"directive": {"Dimensions": [[str(n) for n in range(31)]]}},
        {"directive": {"Metrics": [{"Name": "absent"}]}},
        {"directive": {"Metrics": [{"Name": "M", "Unit": "Lines"}]}},
        {"directive": {"Metrics": [{"Name": "M", "StorageResolution": 5}]}},
        {"directive": {"Metrics": [{"Name": "M"}] * 101}},
        {"M": "1"},
        {"M": True},
        {"M": [1] * 101},
        {"D": 1},
        {"D": None},
    ],
)
def test_malformed_documents_add_nothing(malformed):
    assert embedded.values(json.dumps(document(**malformed))) == ([], 1)


def test_a_line_that_is_no_such_document_is_not_malformed():
    for line in ("CloudWatchMetrics", '"CloudWatchMetrics"', '{"CloudWatchMetrics": []}', "x" + json.dumps(document())):
        assert embedded.values(line) == ([], 0)


def test_unit_resolution_and_time_are_as_the_document_says():
    metric = {"Name": "M", "Unit": "Kilobytes/Second", "StorageResolution": 1}
    [value] = embedded.values(json.dumps(document(directive={"Metrics": [metric]})))[0]
    assert (value.unit, value.resolution, value.at, value.dimensions) == ("Kilobytes/Second", 1, 1.0, {"D": "d"})


def test_a_pattern_can_be_tested(aws):
    logs = aws.client("logs")
    lines = ['{"level": "ERROR", "n": 3}', "text", '{"level": "INFO"}', '{"level": "ERROR"}']
    tested = logs.test_metric_filter(filterPattern='{ $.level = "ERROR" && $.n NOT EXISTS }', logEventMessages=lines)
    assert tested["matches"] == [
        {"eventNumber": 4, "eventMessage": lines[3], "extractedValues": {"$.level": "ERROR"}}
    ]
    bad = {"filterPattern": '{ $.level = "', "logEventMessages": ["a"]}
    assert refused(logs.test_metric_filter, **bad)[0] == "InvalidParameterException"


def test_stock_makes_no_metric(stock):
    log = Log(stock)
    log.filter('{ $.level = "ERROR" }')
    log.write({"level": "ERROR"}, minutes=5)
    assert log.points() == []
    assert refused(stock.client("logs").test_metric_filter, filterPattern="", logEventMessages=["a"])[0] == (
        "InvalidOperationException"
    )
