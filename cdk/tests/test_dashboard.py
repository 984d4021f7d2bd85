"""The dashboard, and that every metric on it or under an alarm is one that somebody emits: AWS, or a metric filter of the stack."""

import json
import re
from collections.abc import Iterator

import insights
from conftest import Synthesised
from test_queries import RECORDS

from task_service.dashboard import CHANGES_BY_ACTION

# Namespace and name → the dimensions that AWS emits it with, and the page that says so.
OF_AWS = {
    ("AWS/ApiGateway", "4XXError"): ({"ApiName", "Stage"}, "Amazon API Gateway dimensions and metrics"),
    ("AWS/ApiGateway", "5XXError"): ({"ApiName", "Stage"}, "Amazon API Gateway dimensions and metrics"),
    ("AWS/ApiGateway", "Count"): ({"ApiName", "Stage"}, "Amazon API Gateway dimensions and metrics"),
    ("AWS/ApiGateway", "Latency"): ({"ApiName", "Stage"}, "Amazon API Gateway dimensions and metrics"),
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): ({"TableName"}, "DynamoDB metrics and dimensions"),
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): ({"TableName"}, "DynamoDB metrics and dimensions"),
    ("AWS/DynamoDB", "SuccessfulRequestLatency"): ({"TableName", "Operation"}, "DynamoDB metrics and dimensions"),
    ("AWS/Events", "TriggeredRules"): ({"RuleName"}, "Monitoring Amazon EventBridge"),
    ("AWS/Lambda", "DestinationDeliveryFailures"): ({"FunctionName"}, "Types of metrics for Lambda functions"),
    ("AWS/Lambda", "DroppedEventCount"): ({"EventSourceMappingUUID"}, "Event source mapping metrics"),
    ("AWS/Lambda", "Errors"): ({"FunctionName"}, "Types of metrics for Lambda functions"),
    ("AWS/Lambda", "IteratorAge"): ({"FunctionName"}, "Types of metrics for Lambda functions"),
    ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount"): ({"EventSourceMappingUUID"}, "Event source mapping metrics"),
    ("AWS/Logs", "IncomingLogEvents"): ({"LogGroupName"}, "Monitoring CloudWatch Logs usage with CloudWatch metrics"),
}
SEARCH = re.compile(r"""SEARCH\('\{([\w/-]+)((?:,\w+)*)\} MetricName="(\w+)"', 'Sum', 300\)""")

Metric = tuple[str, str, frozenset[str]]


def test_every_metric_of_an_alarm_or_a_graph_is_emitted(each: Synthesised) -> None:
    emitted = {(space, name, frozenset(dimensions)) for (space, name), (dimensions, _) in OF_AWS.items()} | set(_filters(each)) | {_of_the_notary(each)}
    watched, shown = set(_of_alarms(each)), set(graphs(each))
    assert len(watched) >= 10
    assert len(shown) >= 10
    assert watched | shown <= emitted
    assert {name for _, name, _ in emitted} == {name for _, name, _ in watched | shown}, "a metric that nobody looks at"


def test_every_alarm_is_on_the_dashboard(each: Synthesised) -> None:
    (widget,) = [one for one in _widgets(each) if one["type"] == "alarm"]
    assert widget["properties"]["alarms"] == [f"<{name}>" for name in each.of_type("AWS::CloudWatch::Alarm")]


def test_changes_are_counted_by_action_and_once_each(dev: Synthesised) -> None:
    (widget,) = [one for one in _widgets(dev) if one["type"] == "log"]
    (group,) = [name for name, one in dev.of_type("AWS::Logs::LogGroup").items() if one["Properties"].get("LogGroupName") == "/tasks/dev/audit"]
    assert widget["properties"]["query"] == f"SOURCE '<{group}>' | {CHANGES_BY_ACTION}"
    rows = insights.run(CHANGES_BY_ACTION, [*RECORDS, *RECORDS])
    assert rows[0] == {"action": "task.created", "changes": 3}
    assert sum(row["changes"] for row in rows) == len(RECORDS) - 1  # a sentinel is no change


def test_the_dashboard_is_named_after_its_stage_and_stays_within_what_is_free(each: Synthesised) -> None:
    """Three dashboards of at most 50 metrics each are free ("Amazon CloudWatch pricing")."""
    assert each.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardName"] == each.stack.stack_name
    assert len(list(graphs(each))) <= 50


def _filters(synthesised: Synthesised) -> Iterator[Metric]:
    for one in synthesised.of_type("AWS::Logs::MetricFilter").values():
        for emitted in one["Properties"]["MetricTransformations"]:
            dimensions = frozenset(dimension["Key"] for dimension in emitted.get("Dimensions", []))
            yield emitted["MetricNamespace"], emitted["MetricName"], dimensions


def _of_the_notary(synthesised: Synthesised) -> Metric:
    """The metric that functions/notary/tests/checkpoints/runs.rs finds in its lines."""
    function = synthesised.only("AWS::Lambda::Function", FunctionName=f"{synthesised.stack.stack_name}-notary")["Properties"]
    return function["Environment"]["Variables"]["METRIC_NAMESPACE"], "SealLagSeconds", frozenset()


def _of_alarms(synthesised: Synthesised) -> Iterator[Metric]:
    for alarm in synthesised.of_type("AWS::CloudWatch::Alarm").values():
        properties = alarm["Properties"]
        for one in [properties] if "MetricName" in properties else _measured(properties["Metrics"]):
            yield one["Namespace"], one["MetricName"], frozenset(each["Name"] for each in one.get("Dimensions", []))


def _measured(queries: list[dict]) -> list[dict]:
    return [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]


def graphs(synthesised: Synthesised) -> Iterator[Metric]:
    for widget in _widgets(synthesised):
        for metric in widget["properties"].get("metrics", []):
            *parts, options = metric
            if "expression" in options:
                namespace, dimensions, name = SEARCH.fullmatch(options["expression"]).groups()
                yield namespace, name, frozenset(dimensions.split(",")[1:])
            else:
                yield parts[0], parts[1], frozenset(parts[2::2])


def _widgets(synthesised: Synthesised) -> list[dict]:
    """Returns the dashboard's widgets, with `<LogicalId>` for what CloudFormation fills in."""
    (_, parts) = synthesised.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"]["Fn::Join"]
    named = [part if isinstance(part, str) else f"<{part.get('Ref') or part['Fn::GetAtt'][0]}>" for part in parts]
    return json.loads("".join(named))["widgets"]
