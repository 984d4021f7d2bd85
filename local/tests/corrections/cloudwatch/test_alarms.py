"""Smoke test of ``cloudwatch.alarms``, and of the alarms' clock door (``admin.alarms``)."""

from __future__ import annotations

import json
import time

import pytest

from local.tests.aws import Launcher, until
from local.tests.stacks import Stack, fresh, own_account

MINUTE = 60
SILENT = "IF(FILL(writes,0) > 0 AND FILL(audited,0) == 0, 1, 0)"


class Watched:
    """An alarm on a metric of its own, in an account of its own, and a clock that begins with the next minute."""

    def __init__(self, aws: Launcher, **alarm):
        self.aws, self.account, self.name, self.space = aws, own_account(), fresh("alarm"), fresh("Space")
        self.cloudwatch = aws.client("cloudwatch", account=self.account)
        self.begin = (time.time() // MINUTE + 1) * MINUTE
        self.put(**alarm)

    def put(self, **more) -> None:
        usual = {
            "Namespace": self.space, "MetricName": "Errors", "Statistic": "Sum", "Period": MINUTE, "EvaluationPeriods": 1,
            "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        }  # fmt: skip
        if "Metrics" in more:
            usual = {name: usual[name] for name in ("EvaluationPeriods", "Threshold", "ComparisonOperator")}
        self.cloudwatch.put_metric_alarm(AlarmName=self.name, **{**usual, **more})

    def count(self, minute: float, *values: float, name: str = "Errors", **dimensions: str) -> None:
        """Publishes values of the metric that long after the beginning."""
        for value in values:
            datum = {
                "MetricName": name,
                "Timestamp": self.begin + minute * MINUTE,
                "Value": value,
                "Dimensions": [{"Name": key, "Value": dimension} for key, dimension in dimensions.items()],
            }
            self.cloudwatch.put_metric_data(Namespace=self.space, MetricData=[datum])

    def at(self, minute: float) -> str:
        """Evaluates the account's alarms that long after the beginning and returns the state of this one."""
        given = {"now": self.begin + minute * MINUTE, "account": self.account}
        assert self.aws.call("POST", "/_local/alarms", given).status == 200
        return self.described()["StateValue"]

    def described(self) -> dict:
        [alarm] = self.cloudwatch.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        return alarm

    def states(self) -> list[str]:
        items = self.cloudwatch.describe_alarm_history(
            AlarmName=self.name, HistoryItemType="StateUpdate", ScanBy="TimestampAscending"
        )["AlarmHistoryItems"]
        return [json.loads(item["HistoryData"])["newState"]["stateValue"] for item in items]


def test_an_alarm_comes_and_goes_by_time(aws):
    watched = Watched(aws, TreatMissingData="notBreaching")
    assert watched.at(0) == "OK"
    watched.count(0.5, 1)
    assert watched.at(0.9) == "OK"  # the minute is not over
    assert watched.at(1) == "ALARM"
    assert "greater than or equal to the threshold (1.0)" in watched.described()["StateReason"]
    assert watched.at(3) == "ALARM"  # the last real point is still in the evaluation range
    assert watched.at(4) == "OK"
    assert watched.states()[-3:] == ["OK", "ALARM", "OK"]


def test_dimensions_tell_metrics_apart(aws):
    dimensions = [{"Name": "Stage", "Value": "dev"}]
    watched = Watched(aws, Dimensions=dimensions, TreatMissingData="notBreaching")
    watched.count(0, 5)
    watched.count(0, 5, Stage="prod")
    assert watched.at(1) == "OK"
    watched.count(1, 5, Stage="dev")
    assert watched.at(2) == "ALARM"


def test_two_of_three(aws):
    watched = Watched(aws, EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData="notBreaching")
    for minute, value in enumerate((1, 0, 0, 1, 0, 1, 0, 0)):
        watched.count(minute, value)
    assert [watched.at(minute) for minute in range(3, 9)] == ["OK", "OK", "OK", "ALARM", "OK", "OK"]


def test_a_longer_period_is_one_window_that_ends_with_any_minute(aws):
    watched = Watched(aws, Period=300, Threshold=3, TreatMissingData="notBreaching")
    watched.count(1, 1)
    watched.count(3, 2)
    assert watched.at(3) == "OK"
    assert watched.at(4) == "ALARM"


@pytest.mark.parametrize(
    ("missing", "later"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "OK"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_silence_means_what_the_alarm_says(aws, missing, later):
    watched = Watched(aws, EvaluationPeriods=2, TreatMissingData=missing)
    for minute in range(2):
        watched.count(minute, 0)
    assert watched.at(2) == "OK"
    assert watched.at(20) == later


def test_an_alarm_on_dynamodb_ignores_missing_data_unless_it_says_otherwise(aws):
    table = {"Dimensions": [{"Name": "TableName", "Value": fresh()}], "MetricName": "SystemErrors"}
    watched = Watched(aws, Namespace="AWS/DynamoDB", **table)
    assert watched.at(20) == "INSUFFICIENT_DATA"
    watched.put(Namespace="AWS/DynamoDB", TreatMissingData="breaching", **table)
    assert watched.at(21) == "ALARM"


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"ExtendedStatistic": "p90"}, 9.1),
        ({"Statistic": "Average"}, 5.5),
        ({"Statistic": "SampleCount"}, 10),
        ({"Statistic": "Minimum"}, 1),
        ({"Statistic": "Maximum"}, 10),
    ],
)
def test_statistics_and_operators(aws, given, value):
    """An alarm per operator, with the threshold just under, at and just over the statistic of the values 1 to 10."""
    account, space, begin = own_account(), fresh("Space"), (time.time() // MINUTE) * MINUTE
    cloudwatch = aws.client("cloudwatch", account=account)
    data = {"MetricName": "Latency", "Timestamp": begin, "Values": list(range(1, 11)), "Counts": [1] * 10}
    cloudwatch.put_metric_data(Namespace=space, MetricData=[data])
    watched = {"Namespace": space, "MetricName": "Latency", "Period": MINUTE, "EvaluationPeriods": 1, **given}
    expected = {}
    for operator, states in (
        ("GreaterThanThreshold", "ALARM OK OK"),
        ("GreaterThanOrEqualToThreshold", "ALARM ALARM OK"),
        ("LessThanThreshold", "OK OK ALARM"),
        ("LessThanOrEqualToThreshold", "OK ALARM ALARM"),
    ):
        for difference, state in zip((-0.01, 0, 0.01), states.split(), strict=True):
            name = f"{operator} {difference}"
            cloudwatch.put_metric_alarm(AlarmName=name, ComparisonOperator=operator, Threshold=value + difference, **watched)
            expected[name] = state
    aws.call("POST", "/_local/alarms", {"now": begin + MINUTE, "account": account})
    found = cloudwatch.describe_alarms()["MetricAlarms"]
    assert {alarm["AlarmName"]: alarm["StateValue"] for alarm in found} == expected


def silent(space: str) -> list[dict]:
    metric = lambda name: {"Metric": {"Namespace": space, "MetricName": name}, "Period": MINUTE, "Stat": "Sum"}  # noqa: E731
    return [
        {"Id": "writes", "MetricStat": metric("Writes"), "ReturnData": False},
        {"Id": "audited", "MetricStat": metric("Audited"), "ReturnData": False},
        {"Id": "silent", "Expression": SILENT, "Label": "writes without records"},
    ]


def test_writes_that_leave_no_record_raise_a_math_alarm(aws):
    watched = Watched(aws)
    watched.put(Metrics=silent(watched.space), EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData="notBreaching")
    assert watched.at(20) == "OK"  # an idle service is a healthy one
    for minute in (20, 21):
        watched.count(minute, 3, name="Writes")
        watched.count(minute, 3, name="Audited")
    assert watched.at(22) == "OK"
    for minute in (22, 24):
        watched.count(minute, 1, name="Writes")
    assert watched.at(23) == "OK"
    assert watched.at(25) == "ALARM"
    assert watched.at(40) == "OK"
    assert [query["Id"] for query in watched.described()["Metrics"]] == ["writes", "audited", "silent"]


def test_a_template_has_a_math_alarm(aws):
    name, space = fresh("alarm"), fresh("Space")
    metrics = silent(space)
    metrics[0]["MetricStat"]["Period"] = metrics[1]["MetricStat"]["Period"] = "60"
    properties = {
        "AlarmName": name, "Metrics": metrics, "EvaluationPeriods": "1", "Threshold": "1", "TreatMissingData": "notBreaching",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    }  # fmt: skip
    account = own_account()
    stack = Stack(aws, {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}, account=account)
    cloudwatch, now = aws.client("cloudwatch", account=account), time.time()
    cloudwatch.put_metric_data(Namespace=space, MetricData=[{"MetricName": "Writes", "Value": 1}])
    assert aws.call("POST", "/_local/alarms", {"now": now + 60, "account": account}).json == {"changed": {name: "ALARM"}}
    stack.update({"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {**properties, "Threshold": 2}}})
    stack.await_status("UPDATE_COMPLETE")
    aws.call("POST", "/_local/alarms", {"now": now + 120, "account": account})
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (alarm["StateValue"], alarm["Threshold"]) == ("OK", 2)
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_composite_alarm_follows(aws):
    watched = Watched(aws, TreatMissingData="notBreaching")
    watched.cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule=f'ALARM("{watched.name}")')

    def composite() -> str:
        found = watched.cloudwatch.describe_alarms(AlarmNames=["both"], AlarmTypes=["CompositeAlarm"])
        return found["CompositeAlarms"][0]["StateValue"]

    watched.count(0, 1)
    assert (watched.at(1), composite()) == ("ALARM", "ALARM")
    assert (watched.at(5), composite()) == ("OK", "OK")


def test_a_state_that_is_set_lasts_until_the_next_evaluation(aws):
    watched = Watched(aws, TreatMissingData="notBreaching")
    assert watched.at(2) == "OK"
    watched.cloudwatch.set_alarm_state(AlarmName=watched.name, StateValue="ALARM", StateReason="a test")
    assert watched.described()["StateValue"] == "ALARM"
    assert watched.at(1) == "ALARM"  # the alarm does not go back in time
    assert watched.at(3) == "OK"
    assert watched.states()[-2:] == ["ALARM", "OK"]


def test_alarms_look_by_themselves(aws):
    watched = Watched(aws, TreatMissingData="notBreaching", Period=10)
    watched.cloudwatch.put_metric_data(Namespace=watched.space, MetricData=[{"MetricName": "Errors", "Value": 1}])
    until(lambda: watched.described()["StateValue"] == "ALARM", 25)


@pytest.mark.parametrize(
    ("alarm", "why"),
    [
        ({"Period": 45}, "Period must be"),
        ({"EvaluationPeriods": 1441}, "Metrics cannot be checked across more than 86400 seconds"),
        ({"EvaluationPeriods": 2, "DatapointsToAlarm": 3}, "DatapointsToAlarm must not be greater"),
        ({"TreatMissingData": "bad"}, "TreatMissingData is not supported"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "is not supported"),
        ({"ExtendedStatistic": "p90"}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"Metrics": [{"Id": "e", "Expression": "AVG(e)"}]}, "Error in expression 'e': The function AVG is not supported"),
        ({"Metrics": [{"Id": "e", "Expression": "e + 1"}]}, "Error in expression 'e': 'e' refers to itself"),
        ({"Metrics": [{"Id": "e", "Expression": "m + 1"}]}, "Error in expression 'e': Unknown id 'm'"),
        ({"Metrics": [{"Id": "e", "Expression": "1 + 1"}]}, "Error in expression 'e': The result must be a time series"),
        ({"Metrics": [*silent("s")[:2], {"Id": "e", "Expression": "METRICS()"}]}, "An alarm watches a single time series"),
        ({"Metrics": silent("s")[:2]}, "Exactly one element of the metrics list should return data."),
    ],
)
def test_what_cannot_be_evaluated_is_refused(aws, alarm, why):
    with pytest.raises(Exception, match="ValidationError") as refusal:
        Watched(aws, **alarm)
    assert why in str(refusal.value)


def test_the_door_says_what_it_takes(aws):
    for body in ({"now": "later"}, {"later": 1}, []):
        assert aws.call("POST", "/_local/alarms", body).status == 400


def test_stock_refuses_a_math_alarm_in_a_template(stock):
    properties = {"Metrics": silent("s"), "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    Stack(stock, {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}, expect="ROLLBACK_COMPLETE")


def test_stock_takes_other_dimensions_for_its_own(stock):
    cloudwatch, space = stock.client("cloudwatch"), fresh("Space")
    cloudwatch.put_metric_alarm(
        AlarmName=space, Namespace=space, MetricName="m", Dimensions=[{"Name": "Stage", "Value": "dev"}], Statistic="Sum",
        Period=60, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    other = {"MetricName": "m", "Value": 5, "Dimensions": [{"Name": "Stage", "Value": "prod"}]}
    cloudwatch.put_metric_data(Namespace=space, MetricData=[other])
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[space])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"
