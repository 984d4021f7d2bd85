"""Correction: Lambda does with a function's role what the role may do, and no more (with ``AUTH=true``).

What AWS does: Lambda reads a stream with the function's role, which it checks when the mapping is made ("Using AWS Lambda with
Amazon DynamoDB"). With the same role it writes the records it gives up ("Retain discarded records") and what the function logs:
without the permission there is no log ("Sending Lambda function logs to CloudWatch Logs").

What stock MiniStack does: all of it, whatever the role may do.
"""

from __future__ import annotations

import logging

from local.corrections.cloudformation.handlers import check_before, service_failure
from local.corrections.functions import failure_destination, logs, stream_mapping
from local.corrections.iam import authority

logger = logging.getLogger(__name__)

READS = ("DescribeStream", "GetRecords", "GetShardIterator")


def apply() -> None:
    from ministack.services import lambda_svc

    if not authority.on():
        return
    _read_streams_as_the_function(lambda_svc)
    _discard_as_the_function()
    _write_logs_as_the_function()


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

    check_before("AWS::Lambda::EventSourceMapping", demand, ("create",))
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
            return False
        return send(mapping, function, *more)

    failure_destination.send = send_as


def _write_logs_as_the_function() -> None:
    from ministack.core.lambda_runtime import _account_region_from_function_config
    from ministack.core.responses import request_scope

    write = logs.write

    def write_as(config, stream, lines):
        account, region = _account_region_from_function_config(config)
        group = authority.GROUP.format(region=region, account=account, id=logs.group_name(config))
        role = config.get("Role", "")
        with request_scope(account, region):
            allowed = authority.may(role, "logs:CreateLogStream", group) and authority.may(
                role, "logs:PutLogEvents", group + stream
            )
        if allowed:
            write(config, stream, lines)

    logs.write = write_as
