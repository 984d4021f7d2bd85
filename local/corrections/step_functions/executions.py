"""Correction: the history, the API and the time-outs of Step Functions show executions as AWS does.

What AWS does ("GetExecutionHistory", "StartExecution", "Wait for a Callback with Task Token", "Amazon States Language"): a
task's ``TaskScheduled`` event has the resolved ``parameters`` (with the task token, where one is waited for), region and the
short names of service and action; ``TaskStarted`` follows. StartExecution with the name and input of an execution that is still
running returns that execution. A function that fails under ``.waitForTaskToken`` fails the task. ``TimeoutSeconds`` of the
machine ends an execution as TIMED_OUT. A failed execution has no output. A used token answers TaskTimedOut, one that was never
issued InvalidToken.

What stock MiniStack does: no parameters, always ExecutionAlreadyExists, a wait for a token that nobody has, no time-out, the
error as output, TaskDoesNotExist.
"""

from __future__ import annotations

import json
import threading

_doing = threading.local()  # each execution, and each branch of one, has its thread


def apply() -> None:
    from ministack.services import stepfunctions

    _complete_history(stepfunctions)
    _fail_unreachable_callbacks(stepfunctions)
    _start_once(stepfunctions)
    _end_in_time(stepfunctions)
    _know_tokens(stepfunctions)


def _complete_history(machine) -> None:
    add, jsonata, parameters = machine._add_event, machine._apply_jsonata_arguments, machine._apply_parameters

    def keep(apply_arguments):
        def kept(*args, **kwargs):
            _doing.arguments = apply_arguments(*args, **kwargs)
            return _doing.arguments

        return kept

    def add_complete(execution, event_type, details=None):
        details = dict(details or {})
        for name, given in details.items():
            if name.startswith("task") and "resource" in given:
                details[name] = {**given, **_names(given["resource"])}
        if event_type == "TaskScheduled":
            from ministack.core.responses import get_region

            scheduled = details["taskScheduledEventDetails"]
            scheduled["parameters"] = json.dumps(getattr(_doing, "arguments", None) or {})
            scheduled["region"] = get_region()
        event = add(execution, event_type, {"previousEventId": len(execution["events"]), **details})
        if event_type == "TaskScheduled":
            names = {key: scheduled[key] for key in ("resourceType", "resource")}
            add(execution, "TaskStarted", {"previousEventId": event["id"], "taskStartedEventDetails": names})
        return event

    machine._apply_jsonata_arguments, machine._apply_parameters = keep(jsonata), keep(parameters)
    machine._add_event = add_complete


def _names(resource: str) -> dict[str, str]:
    """Returns service and action of ``arn:aws:states:::service:action``, or ``lambda`` and the ARN for a function's own."""
    if ":states:::" not in resource:
        return {"resourceType": "lambda" if ":lambda:" in resource else "states", "resource": resource}
    service, _, action = resource.rpartition(":states:::")[2].rpartition(":")
    return {"resourceType": service, "resource": action}


def _fail_unreachable_callbacks(machine) -> None:
    wait, call = machine._invoke_with_callback, machine._call_lambda

    def wait_or_fail(resource, input_data, token, state_def):
        _doing.token = token
        try:
            return wait(resource, input_data, token, state_def)
        finally:
            _doing.token = None

    def call_or_fail(*args, **kwargs):
        try:
            return call(*args, **kwargs)
        except machine._ExecutionError as failure:
            waiting = machine._task_tokens.get(getattr(_doing, "token", None) or "")
            if waiting is not None and not waiting["event"].is_set():
                waiting["error"] = {"Error": failure.error, "Cause": failure.cause}
                waiting["event"].set()
            raise

    machine._invoke_with_callback, machine._call_lambda = wait_or_fail, call_or_fail


def _start_once(machine) -> None:
    from ministack.core.responses import json_response

    start = machine._start_execution

    def start_once(data):
        status, headers, body = start(data)
        if status == 400 and json.loads(body).get("__type", "").endswith("ExecutionAlreadyExists"):
            for execution in machine._executions.values():
                if (
                    execution["name"] == data.get("name")
                    and execution["stateMachineArn"] == machine._resolve_state_machine_arn(data["stateMachineArn"])
                    and execution["status"] == "RUNNING"
                    and execution["input"] == data.get("input", "{}")
                ):
                    return json_response(
                        {"executionArn": execution["executionArn"], "startDate": execution["startDate"]}
                    )
        return status, headers, body

    machine._start_execution = start_once


def _end_in_time(machine) -> None:
    run, fail = machine._run_execution, machine._fail_execution

    def run_in_time(execution_arn):
        execution = machine._executions[execution_arn]
        definition = json.loads(machine._state_machines[execution["stateMachineArn"]]["definition"])
        seconds = definition.get("TimeoutSeconds")
        timer = threading.Timer(seconds, time_out, (execution,)) if seconds else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            run(execution_arn)
        finally:
            if timer:
                timer.cancel()

    def time_out(execution):
        if execution["status"] == "RUNNING":
            execution.update(status="TIMED_OUT", stopDate=machine.now_iso(), error="States.Timeout", cause=None)
            machine._add_event(
                execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
            )

    def fail_without_output(execution, error, cause):
        if execution["status"] != "RUNNING":  # stopped or timed out already
            return
        fail(execution, error, cause)
        execution["output"] = None

    machine._run_execution, machine._fail_execution = run_in_time, fail_without_output


def _know_tokens(machine) -> None:
    from ministack.core.responses import error_response_json

    issued: set[str] = set()
    wait = machine._invoke_with_callback

    def wait_noted(resource, input_data, token, state_def):
        issued.add(token)
        return wait(resource, input_data, token, state_def)

    def answer(send):
        def answered(data):
            token = data.get("taskToken")
            if token in machine._task_tokens or not token:
                return send(data)
            if token in issued:
                message = "Task Timed Out: 'Provided task does not exist anymore'"
                return error_response_json("TaskTimedOut", message, 400)
            return error_response_json("InvalidToken", "Invalid Token: 'Invalid token'", 400)

        return answered

    machine._invoke_with_callback = wait_noted
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        setattr(machine, name, answer(getattr(machine, name)))
