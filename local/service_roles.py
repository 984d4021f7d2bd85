"""Correction: a service does with a role what the role may do, and no more (with ``AUTH=true``).

What AWS does:

- Step Functions calls a task's service with the machine's role ("IAM policies for integrated services"), and refuses a machine
  with a log whose role may not set up its delivery ("Using CloudWatch Logs to log execution history");
- Lambda reads a stream with the function's role, which it checks when the mapping is made ("Using AWS Lambda with Amazon
  DynamoDB"), and writes with it what it gives up ("Retain discarded records") and what the function says: without the
  permission there is no log ("Sending Lambda function logs to CloudWatch Logs");
- EventBridge Scheduler calls its target with the schedule's role ("Setting up EventBridge Scheduler").

What stock MiniStack does: all of it, whatever the role may do.
"""

from __future__ import annotations

import contextvars
import logging

from local import authority, failure_destination, function_logs, stream_mapping
from local.delete_refusals import service_failure

logger = logging.getLogger("local.service_roles")

READS = ("DescribeStream", "GetRecords", "GetShardIterator")
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
# What a schedule's or rule's target is called with.
_TARGETS = {"states": "states:StartExecution", "lambda": "lambda:InvokeFunction", "events": "events:PutEvents"}

# The role of the state machine whose task is under way.
_acting: contextvars.ContextVar[str | None] = contextvars.ContextVar("acting", default=None)


def apply() -> None:
    from ministack.services import eventbridge, lambda_svc, stepfunctions

    if not authority.on():
        return
    _act_as_the_machine(stepfunctions)
    _set_up_the_machines_log(stepfunctions)
    _read_streams_as_the_function(lambda_svc)
    _discard_as_the_function()
    _write_logs_as_the_function()
    _call_targets_as_the_schedule(eventbridge)


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
            demand("Lambda.AWSLambdaException", "lambda:InvokeFunction", lambda_svc._func_arn(name))
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
    _before_cloudformation_makes("AWS::StepFunctions::StateMachine", demand)


def _before_cloudformation_makes(kind: str, demand) -> None:
    """CloudFormation's handlers are not the API's: what the API refuses, they have to be told."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS[kind]
    make = handlers["create"]

    def making(logical_id, props, *more):
        demand(props)
        return make(logical_id, props, *more)

    handlers["create"] = making


def _role_of(function: dict) -> str:
    return (function.get("config") or function).get("Role", "")


def _may_read(role: str, stream: str) -> bool:
    return all(authority.may(role, f"dynamodb:{action}", stream) for action in READS)


def _read_streams_as_the_function(lambda_svc) -> None:
    from ministack.core.responses import error_response_json

    source, create = stream_mapping._source, lambda_svc._create_esm

    def readable(mapping):
        found = source(mapping)
        if found is not None and not _may_read(_role_of(found[1]), mapping["EventSourceArn"]):
            mapping["LastProcessingResult"] = "PROBLEM: access denied"
            return None
        return found

    def refusal(data: dict) -> str | None:
        stream = data.get("EventSourceArn") or ""
        function, _, _ = lambda_svc._get_func_record_for_ref(data.get("FunctionName") or "")
        role = _role_of(function or {})
        if ":dynamodb:" not in stream or function is None:
            return None
        if authority.may(role, "dynamodb:ListStreams", "*") and _may_read(role, stream):
            return None
        return (
            f"Cannot access stream {stream}. Please ensure the role can perform the GetRecords, GetShardIterator, "
            "DescribeStream, and ListStreams Actions on your stream in IAM."
        )

    def created(data):
        why = refusal(data)
        return error_response_json("InvalidParameterValueException", why, 400) if why else create(data)

    def demand(props):
        if why := refusal(props):
            raise service_failure(why, "Lambda", 400, "InvalidRequest")

    _before_cloudformation_makes("AWS::Lambda::EventSourceMapping", demand)
    stream_mapping._source, lambda_svc._create_esm = readable, created


def _discard_as_the_function() -> None:
    send = failure_destination.send

    def send_as(mapping, function, *more):
        bucket = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or ""
        key = f"aws/lambda/{mapping['UUID']}/any"
        if bucket.startswith("arn:aws:s3:::") and not authority.may(
            _role_of(function), "s3:PutObject", f"{bucket}/{key}"
        ):
            logger.error("the role of %s may not write to %s: records are lost", mapping["FunctionName"], bucket)
            return
        send(mapping, function, *more)

    failure_destination.send = send_as


def _write_logs_as_the_function() -> None:
    from ministack.core.lambda_runtime import _account_region_from_function_config
    from ministack.core.responses import request_scope

    write = function_logs.write

    def write_as(config, stream, lines):
        account, region = _account_region_from_function_config(config)
        group = authority.GROUP.format(region=region, account=account, id=function_logs.group_name(config))
        role = config.get("Role", "")
        with request_scope(account, region):
            allowed = authority.may(role, "logs:CreateLogStream", group) and authority.may(
                role, "logs:PutLogEvents", group + stream
            )
        if allowed:
            write(config, stream, lines)

    function_logs.write = write_as


def _call_targets_as_the_schedule(eventbridge) -> None:
    invoke = eventbridge._invoke_target

    def invoke_as(target, event, rule, *more):
        role, arn = target.get("RoleArn"), target.get("Arn", "")
        action = _TARGETS.get(arn.split(":")[2] if arn.count(":") > 2 else "")
        if role and action and not authority.may(role, action, arn):
            logger.warning("target not called: %s", authority.denial(role, "scheduler", action, arn))
            return
        invoke(target, event, rule, *more)

    eventbridge._invoke_target = invoke_as
