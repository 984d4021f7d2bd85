"""Smoke test of ``scheduler.role``."""

from __future__ import annotations

from local.tests.iam import allow, fresh, let, machine, role


def test_a_schedule_calls_its_target_with_its_role(iam):
    acting = role(iam, "states.amazonaws.com")
    arn = iam.client("stepfunctions").create_state_machine(**machine(iam, acting))["stateMachineArn"]
    calls_as = role(iam, "scheduler.amazonaws.com")
    schedule = {"ScheduleExpression": "at(2030-01-01T00:00:00)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    runs = lambda: len(iam.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"])  # noqa: E731
    for statements, expected in (((), 0), ((allow("states:StartExecution", arn),), 1)):
        if statements:
            let(iam, calls_as, *statements)
        name = fresh("schedule")
        iam.client("scheduler").create_schedule(Name=name, Target={"Arn": arn, "RoleArn": calls_as}, **schedule)
        fired = iam.call("POST", "/_local/schedules", {"now": 1893456001}).json["fired"]
        assert f"default/{name}" in fired
        assert runs() == expected
