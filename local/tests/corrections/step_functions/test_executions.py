"""Smoke test of ``step_functions.executions``."""

from __future__ import annotations

import json

import pytest

from local.tests.aws import Launcher, create_function, until
from local.tests.stacks import Stack, fresh, refused

STEP = """
class Refused(Exception):
    pass

def handler(event):
    if event.get("fail"):
        raise Refused("no")
    return {"step": event.get("step")}
"""


class Machine:
    def __init__(self, aws: Launcher, states: dict, **more):
        self.aws, self.client, name = aws, aws.client("stepfunctions"), fresh("machine")
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **more}
        self.arn = self.client.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/any"
        )["stateMachineArn"]

    def start(self, **given) -> str:
        return self.client.start_execution(stateMachineArn=self.arn, **given)["executionArn"]

    def ended(self, execution: str) -> dict:
        return until(lambda: (d := self.client.describe_execution(executionArn=execution))["status"] != "RUNNING" and d)

    def events(self, execution: str, kind: str) -> list[dict]:
        history = self.client.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        return [event for event in history if event["type"] == kind]


@pytest.fixture(scope="module")
def step(aws):
    name = fresh("step")
    create_function(aws, name, STEP)
    return name


def approval(step: str, **payload) -> dict:
    arguments = {"FunctionName": step, "Payload": {"token": "{% $states.context.Task.Token %}", **payload}}
    return {
        "Approve": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Arguments": arguments,
            "End": True,
        }
    }


def test_the_token_stands_in_the_history_and_is_good_once(aws, step):
    machine = Machine(aws, approval(step))
    execution = machine.start(name="one", input='{"a": 1}')
    [scheduled] = until(lambda: machine.events(execution, "TaskScheduled"))
    details = scheduled["taskScheduledEventDetails"]
    assert (details["resourceType"], details["resource"]) == ("lambda", "invoke.waitForTaskToken")
    token = json.loads(details["parameters"])["Payload"]["token"]
    assert machine.start(name="one", input='{"a": 1}') == execution
    code = refused(machine.client.start_execution, stateMachineArn=machine.arn, name="one", input="{}")[0]
    assert code == "ExecutionAlreadyExists"
    until(lambda: machine.client.send_task_success(taskToken=token, output='{"approved": true}'))
    assert json.loads(machine.ended(execution)["output"]) == {"approved": True}
    again = {"taskToken": token, "output": "{}"}
    assert refused(machine.client.send_task_success, **again)[0] == "TaskTimedOut"
    assert refused(machine.client.send_task_success, taskToken="never", output="{}")[0] == "InvalidToken"
    assert refused(machine.client.start_execution, stateMachineArn=machine.arn, name="one", input='{"a": 1}')


def test_a_function_that_fails_under_a_token_fails_the_task(aws, step):
    machine = Machine(aws, approval(step, fail=True))
    ended = machine.ended(machine.start())
    assert (ended["status"], ended["error"]) == ("FAILED", "Refused") and not ended.get("output")
    assert json.loads(ended["cause"])["errorMessage"] == "no"


def test_waits_are_short_and_the_machine_ends_in_time(aws):
    quick = Machine(aws, {"Wait": {"Type": "Wait", "Seconds": "{% 20 %}", "End": True}})
    assert quick.ended(quick.start())["status"] == "SUCCEEDED"
    slow = Machine(aws, {"Wait": {"Type": "Wait", "Seconds": 180, "End": True}}, TimeoutSeconds=1)
    ended = slow.ended(slow.start())
    assert (ended["status"], ended["error"]) == ("TIMED_OUT", "States.Timeout")


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
    assert aws.call("POST", "/_local/schedules").json == {"fired": []}
    fired = aws.call("POST", "/_local/schedules", {"now": 2051222401}).json["fired"]
    assert fired == [f"default/{properties['Name']}"]
    [execution] = until(lambda: machine.client.list_executions(stateMachineArn=machine.arn)["executions"])
    assert json.loads(machine.ended(execution["executionArn"])["input"]) == {"expired": True}
    assert stack.delete() == "DELETE_COMPLETE"


def test_stock_hides_the_parameters(stock):
    name = fresh("step")
    create_function(stock, name, STEP)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": name},
        "End": True,
    }
    machine = Machine(stock, {"Step": task})
    execution = machine.start()
    machine.ended(execution)
    assert "parameters" not in machine.events(execution, "TaskScheduled")[0]["taskScheduledEventDetails"]
