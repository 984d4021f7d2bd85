"""The alarms that an operator receives, and the metrics behind them."""

import json

import pytest
from conftest import Synthesised

from local.corrections.cloudwatch import expressions
from local.corrections.logs import patterns

WATCHED = {
    "audit-iterator-age": ("AWS/Lambda", "IteratorAge", "Maximum"),
    "audit-discarded": ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", "Sum"),
    "audit-dropped": ("AWS/Lambda", "DroppedEventCount", "Sum"),
    "audit-destination-failures": ("AWS/Lambda", "DestinationDeliveryFailures", "Sum"),
    "quarantine": ("AWS/Logs", "IncomingLogEvents", "Sum"),
    "out-of-band": ("Tasks/dev", "OutOfBand", "Sum"),
    "api-5xx": ("AWS/ApiGateway", "5XXError", "Sum"),
    "task-api-errors": ("AWS/Lambda", "Errors", "Sum"),
    "docs-errors": ("AWS/Lambda", "Errors", "Sum"),
    "authorizer-crashes": ("Tasks/dev", "AuthorizerCrashes", "Sum"),
    "refused-tokens": ("Tasks/dev", "RefusedTokens", "Sum"),
    "refused-callers": ("Tasks/dev", "RefusedCallers", "Sum"),
    "audit-errors": ("AWS/Lambda", "Errors", "Sum"),
    "notary-errors": ("AWS/Lambda", "Errors", "Sum"),
    "audit-interference": ("AWS/Events", "TriggeredRules", "Sum"),
}


@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_watches_its_metric_and_is_quiet_without_data(dev: Synthesised, name: str) -> None:
    alarm = dev.only("AWS::CloudWatch::Alarm", AlarmName=f"tasks-dev-{name}")["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == WATCHED[name]
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmDescription"]


def test_no_alarm_is_forgotten_here(dev: Synthesised) -> None:
    names = {alarm["Properties"]["AlarmName"] for alarm in dev.of_type("AWS::CloudWatch::Alarm").values()}
    assert names == {f"tasks-dev-{name}" for name in (*WATCHED, "audit-silent", "audit-unsealed")}


def test_writes_without_records_raise_an_alarm_and_nothing_else_does(dev: Synthesised) -> None:
    """A column is five minutes; the last of them may have a change that is audited in the next."""
    alarm = dev.only("AWS::CloudWatch::Alarm", AlarmName="tasks-dev-audit-silent")["Properties"]
    by_id = {query["Id"]: query for query in alarm["Metrics"]}
    (math,) = [query["Expression"] for query in alarm["Metrics"] if "Expression" in query]
    table = dev.task_table
    (log,) = [name for name, group in dev.of_type("AWS::Logs::LogGroup").items() if group["Properties"].get("LogGroupName") == "/tasks/dev/audit"]
    for operation in ("PutItem", "UpdateItem"):
        stat = by_id[operation.lower()]["MetricStat"]
        assert {one["Name"]: one["Value"] for one in stat["Metric"]["Dimensions"]} == {"Operation": operation, "TableName": {"Ref": table}}
        assert (stat["Metric"]["MetricName"], stat["Stat"], stat["Period"]) == ("SuccessfulRequestLatency", "SampleCount", 300)
    assert by_id["records"]["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "LogGroupName", "Value": {"Ref": log}}]

    def breaching(putitem: list, updateitem: list, records: list) -> int:
        series = {
            name: {float(place): float(value) for place, value in enumerate(values) if value is not None}
            for name, values in (("putitem", putitem), ("updateitem", updateitem), ("records", records))
        }
        times = [float(place) for place in range(len(records))]
        points = expressions.evaluate(math, expressions.Scope(resolve=series.__getitem__, metrics=series, times=times))
        return sum(value >= alarm["Threshold"] for value in points.values())

    idle = [None] * 4
    assert breaching(idle, idle, idle) == 0
    assert breaching([1, None, 3, None], [None, 2, None, None], [1, 2, 3, None]) == 0
    assert breaching([1, None, 3, None], [None, 2, None, 1], [1, 2, 3, None]) == 1
    assert breaching([1, None, None, None], [None, None, 1, 4], idle) == 3
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (2, 12, "notBreaching")


def test_a_notary_of_which_nothing_is_heard_raises_an_alarm(dev: Synthesised) -> None:
    alarm = dev.only("AWS::CloudWatch::Alarm", AlarmName="tasks-dev-audit-unsealed")["Properties"]
    rule = dev.only("AWS::Events::Rule", Name="tasks-dev-notary")
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("Tasks/dev", "SealLagSeconds", "Maximum")
    assert "Dimensions" not in alarm
    assert (alarm["TreatMissingData"], alarm["ComparisonOperator"]) == ("breaching", "GreaterThanOrEqualToThreshold")
    # A run in each period: one that fails raises no alarm, three in a row do.
    assert rule["Properties"]["ScheduleExpression"] == f"rate({alarm['Period'] // 60} minutes)"
    assert alarm["EvaluationPeriods"] == alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) == 3
    assert 10 * 60 < alarm["Threshold"] < 60 * 60


def test_the_iterator_age_alarms_long_before_the_stream_forgets(dev: Synthesised) -> None:
    alarm = dev.only("AWS::CloudWatch::Alarm", AlarmName="tasks-dev-audit-iterator-age")["Properties"]
    milliseconds_until_noticed = alarm["Threshold"] + 1000 * alarm["Period"] * alarm["EvaluationPeriods"]
    assert milliseconds_until_noticed <= 10 * 60 * 1000


def test_the_mappings_metrics_are_found_by_its_id(dev: Synthesised) -> None:
    (mapping,) = dev.of_type("AWS::Lambda::EventSourceMapping")
    for name in ("audit-discarded", "audit-dropped"):
        alarm = dev.only("AWS::CloudWatch::Alarm", AlarmName=f"tasks-dev-{name}")["Properties"]
        assert alarm["Dimensions"] == [{"Name": "EventSourceMappingUUID", "Value": {"Ref": mapping}}]


def test_5xx_are_counted_for_this_stage_only(prod: Synthesised) -> None:
    alarm = prod.only("AWS::CloudWatch::Alarm", AlarmName="tasks-prod-api-5xx")["Properties"]
    (api,) = prod.of_type("AWS::ApiGateway::RestApi").values()
    (stage,) = prod.of_type("AWS::ApiGateway::Stage")
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
    assert dimensions == {"ApiName": api["Properties"]["Name"], "Stage": {"Ref": stage}}


# Metric → the end of the log group's name, the pattern, and the end of the alarm's name.
COUNTED = {
    "OutOfBand": (
        "/audit",
        '{ ($.action = "task.modified_out_of_band") || ($.action = "task.removed_out_of_band") || ($.actor.id = "unknown") }',
        "out-of-band",
    ),
    "AuthorizerCrashes": ("/authorizer", '?"Task timed out" ?"Runtime exited" ?"panicked at"', "authorizer-crashes"),
    "RefusedTokens": ("/authorizer", '{ $.message = "refused a token" }', "refused-tokens"),
    "RefusedCallers": ("/task-api", '{ ($.message = "answered a request") && ($.reason = "*") }', "refused-callers"),
}


# The same for metrics with dimensions.
BY_REASON = ("/authorizer", '{ ($.message = "refused a token") && ($.reason = "*") }', {"Reason": "$.reason"})


@pytest.mark.parametrize("name", COUNTED)
def test_lines_of_a_log_become_a_metric_of_the_stage(each: Synthesised, name: str) -> None:
    group, pattern, alarm = COUNTED[name]
    found = _filter(each, name)
    assert found["FilterPattern"] == pattern
    assert each.resources[found["LogGroupName"]["Ref"]]["Properties"]["LogGroupName"].endswith(group)
    (transformation,) = found["MetricTransformations"]
    stage = each.stack.stack_name.removeprefix("tasks-")
    assert transformation["MetricNamespace"] == f"Tasks/{stage}"
    assert (transformation["MetricValue"], transformation["DefaultValue"]) == ("1", 0)
    watching = [
        found["Properties"]["AlarmName"]
        for found in each.of_type("AWS::CloudWatch::Alarm").values()
        if found["Properties"].get("MetricName") == name
    ]
    assert watching == ([] if alarm is None else [f"tasks-{stage}-{alarm}"])


def test_refused_tokens_are_counted_by_reason(each: Synthesised) -> None:
    group, pattern, dimensions = BY_REASON
    found = _filter(each, "RefusedTokensByReason")
    assert found["FilterPattern"] == pattern
    assert each.resources[found["LogGroupName"]["Ref"]]["Properties"]["LogGroupName"].endswith(group)
    (transformation,) = found["MetricTransformations"]
    assert {one["Key"]: one["Value"] for one in transformation["Dimensions"]} == dimensions


def test_a_metric_has_dimensions_or_a_default_value(each: Synthesised) -> None:
    """CloudWatch Logs refuses both together."""
    for found in each.of_type("AWS::Logs::MetricFilter").values():
        (transformation,) = found["Properties"]["MetricTransformations"]
        assert ("Dimensions" in transformation) != ("DefaultValue" in transformation)


def test_every_filter_is_looked_at_here(each: Synthesised) -> None:
    filters = each.of_type("AWS::Logs::MetricFilter").values()
    assert {found["Properties"]["MetricTransformations"][0]["MetricName"] for found in filters} == {*COUNTED, "RefusedTokensByReason"}


# As Lambda writes them in its text format ("Troubleshoot invocation issues in Lambda"; the functions' log format, test_functions.py).
REQUEST = "16f8d3a2-26fc-11e8-bca6-73dbc61c39e7"
CRASHES = (
    f"2030-01-31T12:00:05.123Z {REQUEST} Task timed out after 5.00 seconds",
    f"RequestId: {REQUEST} Error: Runtime exited with error: exit status 1\nRuntime.ExitError",
    f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
    f"RequestId: {REQUEST} Error: Runtime exited without providing a reason\nRuntime.ExitError",
    "thread 'main' panicked at functions/authorizer/src/lib.rs:70:9:",
)
NO_CRASHES = (
    f"START RequestId: {REQUEST} Version: $LATEST",
    f"END RequestId: {REQUEST}",
    f"REPORT RequestId: {REQUEST}\tDuration: 1.20 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 20 MB",
    '{"timestamp":"2030-01-31T12:00:00.000000Z","level":"INFO","message":"authorized a principal","principal":"alice"}',
)
REFUSED = (
    '{"timestamp":"2030-01-31T12:00:00.000000Z","level":"INFO","message":"refused a token","reason":"expired","method":"GET",'
    f'"route":"/tasks","request_id":"{REQUEST}","trace":"1-67891233-abcdef012345678912345678","target":"authorizer"}}'
)


def test_a_crash_of_the_authorizer_is_told_from_a_refused_token(dev: Synthesised) -> None:
    crashes = patterns.compiled(_filter(dev, "AuthorizerCrashes")["FilterPattern"])
    refused = patterns.compiled(_filter(dev, "RefusedTokens")["FilterPattern"])
    assert [line for line in CRASHES if not crashes(line)] == []
    assert [line for line in (*NO_CRASHES, REFUSED) if crashes(line)] == []
    assert [line for line in (*NO_CRASHES, *CRASHES, REFUSED) if refused(line)] == [REFUSED]
    by_reason = patterns.compiled(_filter(dev, "RefusedTokensByReason")["FilterPattern"])
    assert [line for line in (*NO_CRASHES, *CRASHES, REFUSED) if by_reason(line)] == [REFUSED]


def test_a_refused_token_raises_no_alarm_of_lambdas_errors(each: Synthesised) -> None:
    """Refusing a token is a failed invocation of the authorizer."""
    watched = [
        json.dumps(found["Properties"]["Dimensions"])
        for found in each.of_type("AWS::CloudWatch::Alarm").values()
        if found["Properties"].get("MetricName") == "Errors"
    ]
    assert len(watched) == 4
    assert "Authorizer" not in "".join(watched)


def test_an_authorizer_failure_is_one_of_the_5xx(each: Synthesised) -> None:
    failure = each.only("AWS::ApiGateway::GatewayResponse", ResponseType="AUTHORIZER_FAILURE")
    assert failure["Properties"]["StatusCode"].startswith("5")


def test_alarms_call_the_given_topic_and_nobody_by_default(dev: Synthesised, prod: Synthesised) -> None:
    for alarm in dev.of_type("AWS::CloudWatch::Alarm").values():
        assert "AlarmActions" not in alarm["Properties"]
    for alarm in prod.of_type("AWS::CloudWatch::Alarm").values():
        assert "arn:aws:sns:us-east-1:000000000000:alarms" in json.dumps(alarm["Properties"]["AlarmActions"])


def _filter(synthesised: Synthesised, metric: str) -> dict:
    (found,) = [
        found["Properties"]
        for found in synthesised.of_type("AWS::Logs::MetricFilter").values()
        if found["Properties"]["MetricTransformations"][0]["MetricName"] == metric
    ]
    return found
