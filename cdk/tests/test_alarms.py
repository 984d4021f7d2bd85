"""What an operator is told about, and where."""

import json

import pytest
from conftest import Synthesised

WATCHED = {
    "audit-iterator-age": ("AWS/Lambda", "IteratorAge", "Maximum"),
    "audit-discarded": ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", "Sum"),
    "audit-dropped": ("AWS/Lambda", "DroppedEventCount", "Sum"),
    "audit-destination-failures": ("AWS/Lambda", "DestinationDeliveryFailures", "Sum"),
    "quarantine": ("AWS/Logs", "IncomingLogEvents", "Sum"),
    "unknown-actor": ("Tasks/dev", "UnknownActor", "Sum"),
    "api-5xx": ("AWS/ApiGateway", "5XXError", "Sum"),
    "task-api-errors": ("AWS/Lambda", "Errors", "Sum"),
    "authorizer-errors": ("AWS/Lambda", "Errors", "Sum"),
    "audit-errors": ("AWS/Lambda", "Errors", "Sum"),
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
    assert names == {f"tasks-dev-{name}" for name in WATCHED}


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


def test_an_unknown_actor_in_the_audit_log_becomes_a_metric(each: Synthesised) -> None:
    filters = each.only("AWS::Logs::MetricFilter")["Properties"]
    assert filters["FilterPattern"] == '{ $.actor.id = "unknown" }'
    group = each.resources[filters["LogGroupName"]["Ref"]]["Properties"]["LogGroupName"]
    assert group.endswith("/audit")
    (transformation,) = filters["MetricTransformations"]
    alarm = each.only("AWS::CloudWatch::Alarm", AlarmName=f"{each.stack.stack_name}-unknown-actor")["Properties"]
    assert (transformation["MetricNamespace"], transformation["MetricName"]) == (
        alarm["Namespace"],
        alarm["MetricName"],
    )


def test_alarms_call_the_given_topic_and_nobody_by_default(dev: Synthesised, prod: Synthesised) -> None:
    for alarm in dev.of_type("AWS::CloudWatch::Alarm").values():
        assert "AlarmActions" not in alarm["Properties"]
    for alarm in prod.of_type("AWS::CloudWatch::Alarm").values():
        assert "arn:aws:sns:us-east-1:000000000000:alarms" in json.dumps(alarm["Properties"]["AlarmActions"])
