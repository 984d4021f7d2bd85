"""Smoke test of ``step_functions.executions``."""

from __future__ import annotations

import json

import pytest

from local.tests.aws import create_function, until
from local.tests.machines import Machine
from local.tests.stacks import fresh, refused

STEP = """
class Refused(Exception):
    pass

def handler(event):
    if event.get("fail"):
        raise Refused("no")
    return {"step": event.get("step")}
"""


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


def test_a_machine_ends_in_time(aws):
    slow = Machine(aws, {"Wait": {"Type": "Wait", "Seconds": 180, "End": True}}, TimeoutSeconds=1)
    ended = slow.ended(slow.start())
    assert (ended["status"], ended["error"]) == ("TIMED_OUT", "States.Timeout")


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
