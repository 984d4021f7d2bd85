"""Smoke test of ``events.metrics``: a rule counts the events that it matched."""

from __future__ import annotations

import json

from local.tests.aws import until
from local.tests.corrections.cloudwatch.statistics import total
from local.tests.stacks import fresh, own_account


def counted(aws, account: str, events: list[dict], bus: str = "default") -> tuple[str, str]:
    """Returns two rules without a target, of which the first matches ``{"kind": "a"}``, after such events."""
    client = aws.client("events", account=account)
    if bus != "default":
        client.create_event_bus(Name=bus)
    rules = fresh("rule"), fresh("rule")
    for rule, kind in zip(rules, ("a", "nothing"), strict=True):
        client.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps({"detail": {"kind": [kind]}}))
    for event in events:
        entry = {"Source": "test", "DetailType": "t", "Detail": json.dumps(event), "EventBusName": bus}
        assert client.put_events(Entries=[entry])["FailedEntryCount"] == 0
    return rules


def test_a_rule_without_a_target_counts_what_it_matched_and_nothing_else(aws):
    account = own_account()
    matching, other = counted(aws, account, [{"kind": "a"}, {"kind": "b"}, {"kind": "a"}])
    assert total(aws, "AWS/Events", "TriggeredRules", account, RuleName=matching) == 2
    assert total(aws, "AWS/Events", "TriggeredRules", account, RuleName=other) is None


def test_a_call_that_a_rule_hears_of_is_counted(aws):
    account, group = own_account(), f"/{fresh('group')}"
    pattern = {"detail": {"eventName": ["PutRetentionPolicy"], "requestParameters": {"logGroupName": [group]}}}
    rule = fresh("rule")
    aws.client("events", account=account).put_rule(Name=rule, EventPattern=json.dumps(pattern))
    logs = aws.client("logs", account=account)
    logs.create_log_group(logGroupName=group)
    assert total(aws, "AWS/Events", "TriggeredRules", account, RuleName=rule) is None
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    until(lambda: total(aws, "AWS/Events", "TriggeredRules", account, RuleName=rule) == 1)


def test_rules_of_another_bus_have_its_name_beside_their_own(aws):
    account, bus = own_account(), fresh("bus")
    matching, _ = counted(aws, account, [{"kind": "a"}], bus)
    assert total(aws, "AWS/Events", "TriggeredRules", account, RuleName=matching, EventBusName=bus) == 1
    assert total(aws, "AWS/Events", "TriggeredRules", account, RuleName=matching) is None


def test_stock_counts_nothing(stock):
    account = own_account()
    matching, _ = counted(stock, account, [{"kind": "a"}])
    assert total(stock, "AWS/Events", "TriggeredRules", account, RuleName=matching) is None
