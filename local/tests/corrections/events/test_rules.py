"""Smoke test of ``events.rules``, and of the clock door for rules (``admin.schedules``)."""

from __future__ import annotations

import json
import time

import pytest

from local.tests.aws import Launcher, create_function, until
from local.tests.iam import LAMBDA, allow
from local.tests.iam import role as iam_role
from local.tests.stacks import Stack, fresh, own_account, refused

PRINTING = "def handler(event):\n    print(event['time'], event['detail-type'], event['resources'][0], flush=True)"


class Scheduled:
    """A function that a rule of a stack calls, and what it was told."""

    def __init__(self, aws: Launcher, expression: str, account: str = "000000000000", permitted: bool = True, role: str = "any"):
        self.aws, self.account, self.group = aws, account, f"/{fresh('group')}"
        self.logs, self.function = aws.client("logs", account=account), fresh("function")
        self.logs.create_log_group(logGroupName=self.group)
        role = role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"
        create_function(aws, self.function, PRINTING, account, LoggingConfig={"LogGroup": self.group}, Role=role)
        arn = f"arn:aws:lambda:us-east-1:{account}:function:{self.function}"
        rule = {"ScheduleExpression": expression, "Targets": [{"Id": "1", "Arn": arn}]}
        permission = {
            "FunctionName": self.function,
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
        }
        self.resources = {"Rule": {"Type": "AWS::Events::Rule", "Properties": rule}}
        if permitted:
            self.resources["Permission"] = {"Type": "AWS::Lambda::Permission", "Properties": permission}
        self.begun = time.time()
        self.stack = Stack(aws, self.resources, account=account)
        self.rule = self.stack.physical("Rule")

    def at(self, seconds: float) -> list[str]:
        """Fires what is due that long after its creation and returns the account's rules that did."""
        given = {"now": self.begun + seconds, "account": self.account}
        return self.aws.call("POST", "/_local/schedules", given).json["rules"]

    def told(self) -> list[str]:
        events = self.logs.filter_log_events(logGroupName=self.group)["events"]
        return [event["message"].strip() for event in events if "Scheduled Event" in event["message"]]


def test_a_rate_counts_from_the_creation_and_fires_once_each_time(aws):
    scheduled = Scheduled(aws, "rate(5 minutes)", own_account())
    assert scheduled.at(290) == []
    assert scheduled.at(310) == [scheduled.rule]
    assert scheduled.at(310) == []
    assert scheduled.at(620) == [scheduled.rule]
    first, second = sorted(until(lambda: len(told := scheduled.told()) == 2 and told))
    assert first.startswith(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(scheduled.begun + 310)))
    assert second > first
    assert second.endswith(f"arn:aws:events:us-east-1:{scheduled.account}:rule/{scheduled.rule}")
    scheduled.aws.client("events", account=scheduled.account).disable_rule(Name=scheduled.rule)
    assert scheduled.at(1000) == []


def test_a_cron_expression_fires_at_its_time(aws):
    scheduled = Scheduled(aws, "cron(0 12 * * ? *)", own_account())
    assert scheduled.at(24 * 3600 + 60) == [scheduled.rule]
    until(scheduled.told)


def test_an_account_of_its_own_fires_alone(aws):
    one, other = (Scheduled(aws, "rate(1 minute)", own_account()) for _ in range(2))
    assert one.at(61) == [one.rule]
    assert other.at(61) == [other.rule]


def test_a_function_that_does_not_let_events_in_is_not_called(iam):
    runs_as = iam_role(iam, LAMBDA, allow("logs:*"))
    shut, open_ = (Scheduled(iam, "rate(1 hour)", permitted=permitted, role=runs_as) for permitted in (False, True))
    assert {shut.rule, open_.rule} <= set(open_.at(3700))
    until(open_.told)
    assert shut.told() == []


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({}, "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        ({"ScheduleExpression": "rate(1 minutes)"}, "Parameter ScheduleExpression is not valid."),
        ({"ScheduleExpression": "rate(5 minute)"}, "Parameter ScheduleExpression is not valid."),
        ({"ScheduleExpression": "rate(0 minutes)"}, "Parameter ScheduleExpression is not valid."),
        (
            {"ScheduleExpression": "rate(5 minutes)", "EventBusName": "own"},
            "ScheduleExpression is supported only on the default event bus.",
        ),
    ],
)
def test_a_rule_that_eventbridge_refuses_is_refused_in_a_template_too(aws, rule, why):
    account = own_account()
    events = aws.client("events", account=account)
    events.create_event_bus(Name="own")
    assert refused(events.put_rule, Name="r", **rule) == ("ValidationException", why)
    stack = Stack(aws, {"Rule": {"Type": "AWS::Events::Rule", "Properties": rule}}, expect="ROLLBACK_COMPLETE", account=account)
    assert why in stack.why("Rule", "CREATE_FAILED")
    assert events.list_rules()["Rules"] == []


def test_a_pattern_that_is_none_fails_its_stack(aws):
    properties = {"EventPattern": json.dumps({"source": "not a list"})}
    stack = Stack(aws, {"Rule": {"Type": "AWS::Events::Rule", "Properties": properties}}, expect="ROLLBACK_COMPLETE")
    assert "Event pattern is not valid" in stack.why("Rule", "CREATE_FAILED")


def test_stock_takes_any_rule_of_a_template(stock):
    Stack(stock, {"Rule": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 minutes)"}}})
