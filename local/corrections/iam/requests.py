"""Correction: a request is checked with AWS's action, resource and condition keys (with ``AUTH=true``).

What AWS does ("Actions, resources, and condition keys for AWS services": CloudWatch Logs, CloudWatch, Lambda, DynamoDB,
CloudFormation, API Gateway, KMS, S3, EventBridge; "Working with Lambda execution environment credentials"):

- a call that names a log group is checked on ``log-group:NAME:log-stream:STREAM``, DescribeAlarms on all alarms of the account;
- a KMS key that is called by its alias is the key; PutObject with a retention or a legal hold of its own takes
  ``s3:PutObjectRetention`` or ``s3:PutObjectLegalHold`` too;
- a call that names a role is checked on the role's ARN, which has its path; CreateRole on the one that the role gets ("Actions,
  resources, and condition keys for AWS Identity and Access Management (IAM)");
- a rule on EventBridge's default bus is ``rule/NAME``; only one on another bus has the bus's name before its own;
- each Lambda operation is an action of its own; DynamoDB's streams and backups are resources;
- ``dynamodb:LeadingKeys`` has the partition keys in the request, ``cloudformation:RoleArn`` the role that is passed,
  ``lambda:FunctionArn`` a mapping's function, ``lambda:SourceFunctionArn`` the function whose credentials are used;
- ``aws:PrincipalArn`` of a role's session is the role ("AWS global condition context keys");
- the tags are those of the resource or of the API it belongs to, with CloudFormation's own (``aws:cloudformation:stack-name``).

What stock MiniStack does: checks the group without a stream, ``rule/default/NAME``, the alias instead of the key, and PutObject
alone; knows some twenty Lambda actions and lets through what it has no name for (UpdateEventSourceMapping, everything in Smithy's
RPC); takes streams and backups for ``*``; knows no path of a role; has none of these keys; takes the session for
``aws:PrincipalArn``.

Stock also sets ``aws:SecureTransport`` to false for plain HTTP. Since the loopback interface has nothing else, every request
counts as secure here.
"""

from __future__ import annotations

import json
import re

from local.corrections.iam import authority

# "Actions defined by AWS Lambda": the invocations share one.
_LAMBDA_NAMES = dict.fromkeys(("Invoke", "InvokeAsync", "InvokeWithResponseStream"), "InvokeFunction")
# "Actions defined by Amazon CloudWatch Logs": these support no resource, though they name a group.
_OF_NO_GROUP = (".PutIndexPolicy", ".DeleteIndexPolicy")
_RPC = re.compile(r"/service/[^/]+/operation/(\w+)")
_EQUALS = re.compile(r"([#\w]+)\s*=\s*(:\w+)")


def apply() -> None:
    import ministack.app
    from ministack.core import iam_actions, iam_evaluator

    if not authority.on():
        return
    pin = iam_evaluator.pin_request_origin
    ministack.app.pin_request_origin = lambda address, _secure: pin(address, True)
    _name_lambda_actions(iam_actions)
    iam_actions.extract_iam_action = _named_in_the_path(iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = _exact(iam_actions)
    iam_actions.s3_additional_checks = _with_locks(iam_actions.s3_additional_checks)
    iam_actions.request_tag_context = _completed(iam_actions.request_tag_context)
    iam_evaluator.enforce = _about_the_resource(iam_evaluator.enforce)
    iam_evaluator._resolve_condition_key = _of_the_role(iam_evaluator._resolve_condition_key)
    iam_evaluator._principal_keys = _about_the_caller(iam_evaluator._principal_keys)


def _name_lambda_actions(actions) -> None:
    actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]

    def named(method: str, path: str) -> str | None:
        operation = actions._match_rest_action("lambda", method, path)
        return _LAMBDA_NAMES.get(operation, operation)

    actions._lambda_action = named


def _named_in_the_path(extract):
    """Reads the operation from the path, where today's SDKs put it for CloudWatch ("Smithy RPC v2 CBOR")."""

    def named(service, method, path, headers, body, *more):
        operation = _RPC.fullmatch(path) if service == "monitoring" else None
        return f"cloudwatch:{operation[1]}" if operation else extract(service, method, path, headers, body, *more)

    return named


def _exact(actions):
    extract = actions.extract_resource_arn

    def exact(service, method, path, headers, body, params, region, account):
        if _RPC.fullmatch(path):
            body = b""  # CBOR, which stock would read as JSON
        found = extract(service, method, path, headers, body, params, region, account)
        if service == "monitoring" and found == "*":
            called = actions.extract_iam_action(service, method, path, headers, body, params)
            # Whichever names it asks for.
            return f"arn:aws:cloudwatch:{region}:{account}:alarm:*" if called == "cloudwatch:DescribeAlarms" else found
        if service == "logs" and headers.get("x-amz-target", "").endswith(_OF_NO_GROUP):
            return "*"
        if service == "logs" and found == "*" and (group := _log_group_of(_json(body))):
            found = group if group.startswith("arn:") else f"arn:aws:logs:{region}:{account}:log-group:{group}"
        if service == "logs" and ":log-group:" in found and ":log-stream:" not in found:
            return f"{found.removesuffix(':*')}:log-stream:{_json(body).get('logStreamName') or ''}"
        if service == "events":
            return found.replace(":rule/default/", ":rule/")
        if service == "iam" and ":role/" in found:
            return _with_path(found, params)
        if service == "kms" and ":alias/" in found:
            return _key_of_alias(found)
        if service in ("dynamodb", "dynamodbstreams") and found == "*":
            return _stream_or_backup(_json(body)) or found
        return found

    return exact


def _with_path(arn: str, params: dict) -> str:
    from ministack.services import iam

    path = params.get("Path") or "/"
    path = path[0] if isinstance(path, list) else path
    there = iam._roles.get(arn.rsplit("/", 1)[-1])
    return there["Arn"] if there else arn.replace(":role/", f":role{path}")


def _log_group_of(body: dict) -> str | None:
    return body.get("logGroupIdentifier") or body.get("resourceArn")


def _key_of_alias(arn: str) -> str:
    from ministack.services import kms

    key = kms._resolve_key(arn)
    return key["Arn"] if key else arn


def _with_locks(checks):
    """Adds what a lock in the request takes. (A bucket's default retention takes nothing.)"""

    def locked(method, path, headers, body, params):
        found = list(checks(method, path, headers, body, params))
        if method == "PUT" and not {"retention", "legal-hold"} & set(params):
            arn = f"arn:aws:s3:::{path.lstrip('/')}"
            if headers.get("x-amz-object-lock-mode"):
                found.append(("s3:PutObjectRetention", arn))
            if headers.get("x-amz-object-lock-legal-hold"):
                found.append(("s3:PutObjectLegalHold", arn))
        return found

    return locked


def _stream_or_backup(data: dict) -> str | None:
    from ministack.services import dynamodb_streams

    if data.get("ShardIterator"):
        iterator = data["ShardIterator"]  # ``dynamodb.stream_shards`` puts the shard before it
        return (dynamodb_streams._decode_iterator(iterator.rpartition("|")[2]) or {}).get("arn")
    return data.get("StreamArn") or data.get("BackupArn") or data.get("ResourceArn")


def _completed(context):
    def completed(service, action, body, params):
        keys = dict(context(service, action, body if _json(body) or service != "monitoring" else b"", params))
        if service == "dynamodb":
            leading = _leading_keys(_json(body))
            keys |= {"dynamodb:LeadingKeys": leading} if leading else {}
        elif service == "cloudformation" and params.get("RoleARN"):
            role = params["RoleARN"]
            keys["cloudformation:RoleArn"] = role[0] if isinstance(role, list) else role
        elif action == "lambda:CreateEventSourceMapping":
            from ministack.services import lambda_svc

            keys["lambda:FunctionArn"] = lambda_svc._func_arn(
                lambda_svc._resolve_name(_json(body).get("FunctionName") or "")
            )
        return keys

    return completed


def _leading_keys(data: dict) -> list[str]:
    """Returns the partition keys of all items that a DynamoDB request names."""
    if "TransactItems" in data:
        parts = [part for item in data["TransactItems"] for part in item.values()]
        return sorted({key for part in parts for key in _leading_keys(part)})
    if "RequestItems" in data:
        writes = [
            {"TableName": table, **next(iter(write.values()))}
            for table, wanted in data["RequestItems"].items()
            for write in (wanted if isinstance(wanted, list) else [{"Get": {"Key": key}} for key in wanted["Keys"]])
        ]
        return sorted({key for write in writes for key in _leading_keys(write)})
    name = _partition_key(data)
    given = data.get("Key") or data.get("Item") or {}
    for wanted, value in _EQUALS.findall(data.get("KeyConditionExpression") or ""):
        wanted = (data.get("ExpressionAttributeNames") or {}).get(wanted, wanted)
        given = {**given, wanted: (data.get("ExpressionAttributeValues") or {}).get(value, {})}
    return [str(value) for value in given.get(name, {}).values()]


def _partition_key(data: dict) -> str | None:
    from ministack.services import dynamodb

    table = dynamodb._tables.get(str(data.get("TableName", "")).rsplit("/", 1)[-1]) or {}
    indexes = table.get("GlobalSecondaryIndexes") or []
    schema = next((i["KeySchema"] for i in indexes if i["IndexName"] == data.get("IndexName")), table.get("KeySchema", []))
    return next((key["AttributeName"] for key in schema if key["KeyType"] == "HASH"), None)


def _about_the_resource(enforce):
    from ministack.core.iam_evaluator import is_root_access_key as is_root

    def enforced(access_key, action, service, region, resource_arn="*", service_context=None):
        known = {} if is_root(access_key) else authority.resource_keys(resource_arn)
        keys = {**known, **(service_context or {})}
        return enforce(access_key, action, service, region, resource_arn=resource_arn, service_context=keys)

    return enforced


def _of_the_role(resolve):
    from ministack.core.iam_evaluator import _role_name_from_assumed_arn as role_name

    def resolved(key, context):
        if key.lower() != "aws:principalarn" or context.principal_type != "AssumedRole":
            return resolve(key, context)
        from ministack.services import iam

        name = role_name(context.principal_arn)
        return (iam._roles.get_scoped(context.principal_account, None, name) or {}).get("Arn")

    return resolved


def _about_the_caller(principal_keys):
    def with_function(credential):
        from ministack.services import lambda_svc

        keys = principal_keys(credential)
        if credential.principal_type == "AssumedRole" and credential.expiration is None:  # a function's, which never expires here
            function = credential.principal_arn.rsplit("/", 1)[-1]
            if function in lambda_svc._functions:
                keys["lambda:sourcefunctionarn"] = lambda_svc._func_arn(function)
        return keys

    return with_function


def _json(body: bytes) -> dict:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
