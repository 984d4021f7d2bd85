"""Smoke test of ``admin.schedules``."""

from __future__ import annotations

import json

from local.tests.aws import until
from local.tests.machines import Machine
from local.tests.stacks import Stack, fresh


def test_a_one_shot_schedule_starts_a_machine_when_its_time_comes(aws):
    machine = Machine(aws, {"Done": {"Type": "Succeed"}})
    target = {"Arn": machine.arn, "RoleArn": "arn:aws:iam::000000000000:role/any", "Input": '{"expired": true}'}
    properties = {
        "Name": fresh("expiry"),
        "ScheduleExpression": "at(2035-01-01T00:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }
    stack = Stack(aws, {"Expiry": {"Type": "AWS::Scheduler::Schedule", "Properties": properties}})
    assert aws.call("POST", "/_local/schedules").json["fired"] == []
    fired = aws.call("POST", "/_local/schedules", {"now": 2051222401}).json["fired"]
    assert fired == [f"default/{properties['Name']}"]
    [execution] = until(lambda: machine.client.list_executions(stateMachineArn=machine.arn)["executions"])
    assert json.loads(machine.ended(execution["executionArn"])["input"]) == {"expired": True}
    assert stack.delete() == "DELETE_COMPLETE"
