"""Correction: a state machine does with its role what the role may do, and no more (with ``AUTH=true``).

What AWS does: Step Functions calls a task's service with the machine's role ("IAM policies for integrated services"), and
refuses a machine with a log whose role may not set up its delivery ("Using CloudWatch Logs to log execution history").

What stock MiniStack does: both, whatever the role may do.
"""

from __future__ import annotations

import contextvars

from local.corrections.cloudformation.handlers import check_before, service_failure
from local.corrections.iam import authority

LOG_DELIVERY = (
    "CreateLogDelivery",
    "DeleteLogDelivery",
    "DescribeLogGroups",
    "DescribeResourcePolicies",
    "GetLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "UpdateLogDelivery",
)

# The role of the state machine whose task is under way.
_acting: contextvars.ContextVar[str | None] = contextvars.ContextVar("acting", default=None)


def apply() -> None:
    from ministack.services import stepfunctions

    if not authority.on():
        return
    _act_as_the_machine(stepfunctions)
    _set_up_the_machines_log(stepfunctions)


def _act_as_the_machine(machine) -> None:
    execute, call = machine._execute_task, machine._call_lambda
    target = "arn:aws:states:::events:putEvents"
    put = machine._SERVICE_DISPATCH[target]

    def execute_as(state_def, raw_input, execution, ctx):
        acting = machine._state_machines.get((execution or {}).get("stateMachineArn")) or {}
        token = _acting.set(acting.get("roleArn"))
        try:
            return execute(state_def, raw_input, execution, ctx)
        finally:
            _acting.reset(token)

    def demand(error, action, resource, keys=None):
        role = _acting.get()
        if role and not authority.may(role, action, resource, keys):
            raise machine._ExecutionError(error, authority.denial(role, "StepFunctions", action, resource))

    def call_as(func_ref, event):
        from ministack.services import lambda_svc

        function, _, name = lambda_svc._get_func_record_for_ref(func_ref)
        if function is not None:
            # A call of a version is checked on the version ("Function version ARNs").
            _, _, qualifier = func_ref.partition(":function:")[2].partition(":")
            called = lambda_svc._func_arn(name) + (f":{qualifier}" if qualifier else "")
            demand("Lambda.AWSLambdaException", "lambda:InvokeFunction", called)
        return call(func_ref, event)

    def put_as(resource, data):
        from ministack.core.responses import get_account_id, get_region

        for entry in data.get("Entries", []):
            bus = f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{entry.get('EventBusName', 'default')}"
            keys = {"events:source": entry.get("Source"), "events:detail-type": entry.get("DetailType")}
            demand("EventBridge.AccessDeniedException", "events:PutEvents", bus, keys)
        return put(resource, data)

    machine._execute_task, machine._call_lambda = execute_as, call_as
    machine._SERVICE_DISPATCH[target] = put_as


def _set_up_the_machines_log(machine) -> None:
    from ministack.core.responses import error_response_json

    refusal = "The state machine IAM Role is not authorized to access the Log Destination"

    def refused(level: str | None, role: str) -> bool:
        return (level or "OFF") != "OFF" and not all(authority.may(role, f"logs:{name}", "*") for name in LOG_DELIVERY)

    def checked(change):
        def changed(data):
            now = machine._state_machines.get(data.get("stateMachineArn")) or {}
            level = (data.get("loggingConfiguration") or now.get("loggingConfiguration") or {}).get("level")
            if refused(level, data.get("roleArn") or now.get("roleArn", "")):
                return error_response_json("AccessDeniedException", refusal, 400)
            return change(data)

        return changed

    def demand(props):
        if refused((props.get("LoggingConfiguration") or {}).get("Level"), props.get("RoleArn", "")):
            raise service_failure(refusal, "Sfn", 400, "AccessDenied")

    machine._create_state_machine = checked(machine._create_state_machine)
    machine._update_state_machine = checked(machine._update_state_machine)
    check_before("AWS::StepFunctions::StateMachine", demand, ("create",))
