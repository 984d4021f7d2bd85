"""Correction: GetResource of the Cloud Control API finds what is there, whoever made it.

What AWS does ("GetResource", "Identifying resources"): the type's read handler is asked for the resource with this primary
identifier, as a string or as JSON; the parts of a compound identifier are strung together with ``|``. The identifier is not always
the physical id: a rule's is its ARN, a permission's is ``function|id``. What the handler does not find is
ResourceNotFoundException; a key that is pending deletion counts as not found (so AWS's handler for ``AWS::KMS::Key``, which is
public). A type without a read handler is UnsupportedActionException, one that is not registered TypeNotFoundException, and too few
or too many parts are ValidationException.

What stock MiniStack does: finds only what its Cloud Control itself created, which is nothing in the services.

Here the properties are the identifiers and names, not the whole model; and the types without a reader below are
UnsupportedActionException too, whatever their schemas say.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from local.corrections.cloudformation import invented_types, registry


class _Refusal(Exception):
    """An error that Cloud Control answers: its code and its message."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code, self.message = code, message


def apply() -> None:
    from ministack.services import cloudcontrol

    handle = cloudcontrol.handle_request

    async def handle_request(method, path, headers, body, query_params):
        from ministack.core.responses import error_response_json, json_response

        if not headers.get("x-amz-target", "").endswith(".GetResource"):
            return await handle(method, path, headers, body, query_params)
        try:
            return json_response(_get_resource(json.loads(body or "{}")))
        except _Refusal as refusal:
            return error_response_json(refusal.code, refusal.message, 400)

    cloudcontrol.handle_request = handle_request


def _get_resource(given: dict) -> dict:
    name, identifier = given.get("TypeName") or "", given.get("Identifier") or ""
    if problem := registry.malformed(name):
        raise _Refusal("ValidationException", problem)
    known = registry.types().get(name)
    if known is None:
        raise _Refusal("TypeNotFoundException", registry.unknown(name))
    reader = _reader(name, known)
    if reader is None:
        raise _Refusal("UnsupportedActionException", f"Resource type {name} does not support READ action")
    members = [pointer.removeprefix("/properties/") for pointer in known["primaryIdentifier"]]
    parts = _parts(identifier, members)
    if len(parts) != len(members):
        pointers = ", ".join(known["primaryIdentifier"])
        raise _Refusal("ValidationException", f"Identifier {identifier} is not valid for identifier [{pointers}]")
    properties = reader(*parts)
    if properties is None:
        reason = f"null (HandlerErrorCode: NotFound, RequestToken: {uuid.uuid4()})"
        raise _Refusal("ResourceNotFoundException", f"{name} Handler returned status FAILED: {reason}")
    model = {**dict(zip(members, parts, strict=True)), **properties}
    return {
        "TypeName": name,
        "ResourceDescription": {"Identifier": "|".join(parts), "Properties": json.dumps(model)},
    }


def _reader(name: str, known: dict) -> Callable[..., dict | None] | None:
    if invented_types.invented(name) and "read" in known.get("handlers", {}):
        return lambda *parts: invented_types.read(name, parts[-1])
    return _READERS.get(name)


def _parts(identifier: str, members: list[str]) -> list[str]:
    if identifier.startswith("{"):
        given = json.loads(identifier)
        return [str(given[member]) for member in members if member in given]
    return identifier.split("|") if len(members) > 1 else [identifier]


# --- What the services hold: each function returns properties, or None ---


def _alarm(name: str) -> dict | None:
    from ministack.services import cloudwatch

    alarm = cloudwatch._alarms.get(name)
    return alarm and {"Arn": alarm["AlarmArn"]}


def _bucket(name: str) -> dict | None:
    from ministack.services import s3

    return {"Arn": f"arn:aws:s3:::{name}"} if name in s3._buckets else None


def _bucket_policy(bucket: str) -> dict | None:
    from ministack.services import s3

    policy = s3._bucket_policies.get(bucket)
    return policy and {"PolicyDocument": json.loads(policy)}


def _function(name: str) -> dict | None:
    from ministack.services import lambda_svc

    function = lambda_svc._functions.get(name)
    return function and {"Arn": function["config"]["FunctionArn"]}


def _key(key_id: str) -> dict | None:
    from ministack.services import kms

    key = kms._keys.get(key_id)
    return {"Arn": key["Arn"]} if key and key["KeyState"] != "PendingDeletion" else None


def _key_alias(name: str) -> dict | None:
    from ministack.services import kms

    key_id = kms._aliases.get(kms._alias_arn(name))
    return key_id and {"TargetKeyId": key_id}


def _log_group(name: str) -> dict | None:
    from ministack.services import cloudwatch_logs

    group = cloudwatch_logs._log_groups.get(name)
    return group and {"Arn": group["arn"]}


def _managed_policy(arn: str) -> dict | None:
    from ministack.services import iam

    policy = iam._policies.get(arn)
    return policy and {"ManagedPolicyName": policy["PolicyName"]}


def _mapping(mapping_id: str) -> dict | None:
    from ministack.services import lambda_svc

    mapping = lambda_svc._esms.get(mapping_id)
    return mapping and {"FunctionName": mapping["FunctionName"], "EventSourceArn": mapping["EventSourceArn"]}


def _parameter(name: str) -> dict | None:
    from ministack.services import ssm

    parameter = ssm._parameters.get(name)
    return parameter and {"Type": parameter["Type"]}


def _permission(function: str, statement_id: str) -> dict | None:
    from ministack.services import lambda_svc

    held = lambda_svc._functions.get(function.split(":function:")[-1].split(":")[0])
    statements = held["policy"]["Statement"] if held else []
    found = next((statement for statement in statements if statement.get("Sid") == statement_id), None)
    return found and {"Action": found.get("Action")}


def _pool(pool_id: str) -> dict | None:
    from ministack.services import cognito

    pool = cognito._user_pools.get(pool_id)
    return pool and {"UserPoolName": pool["Name"], "Arn": pool["Arn"]}


def _queue(url: str) -> dict | None:
    from ministack.services import sqs

    queue = sqs._queues.get(url)
    return queue and {"QueueName": queue["name"], "Arn": queue["attributes"]["QueueArn"]}


def _repository(name: str) -> dict | None:
    from ministack.services import ecr

    repository = ecr._repositories.get(name)
    return repository and {"Arn": repository["repositoryArn"]}


def _rest_api(api_id: str) -> dict | None:
    from ministack.services import apigateway_v1

    api = apigateway_v1._rest_apis.get(api_id)
    return api and {"Name": api["name"]}


def _role(name: str) -> dict | None:
    from ministack.services import iam

    role = iam._roles.get(name)
    return role and {"Arn": role["Arn"], "Path": role["Path"]}


def _rule(arn: str) -> dict | None:
    from ministack.services import eventbridge

    rule = next((rule for rule in eventbridge._rules.values() if rule["Arn"] == arn), None)
    return rule and {"Name": rule["Name"], "EventBusName": rule["EventBusName"]}


def _secret(arn: str) -> dict | None:
    from ministack.services import secretsmanager

    secret = next((secret for secret in secretsmanager._secrets.values() if secret["ARN"] == arn), None)
    return secret and {"Name": secret["Name"]}


def _security_group(group_id: str) -> dict | None:
    from ministack.services import ec2

    group = ec2._security_groups.get(group_id)
    return group and {"GroupId": group_id, "GroupName": group["GroupName"], "VpcId": group["VpcId"]}


def _stack(stack_id: str) -> dict | None:
    from ministack.services.cloudformation import _stacks

    stack = next((stack for stack in _stacks.values() if stack["StackId"] == stack_id), None)
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return None
    return {"StackName": stack["StackName"], "StackStatus": stack["StackStatus"]}


def _state_machine(arn: str) -> dict | None:
    from ministack.services import stepfunctions

    machine = stepfunctions._state_machines.get(arn)
    return machine and {"StateMachineName": machine["name"]}


def _subscription(arn: str) -> dict | None:
    from ministack.services import sns

    topic = sns._sub_arn_to_topic.get(arn)
    return topic and {"TopicArn": topic}


def _table(name: str) -> dict | None:
    from ministack.services import dynamodb

    table = dynamodb._tables.get(name)
    return table and {"Arn": table["TableArn"]}


def _topic(arn: str) -> dict | None:
    from ministack.services import sns

    return {"TopicName": arn.rsplit(":", 1)[-1]} if arn in sns._topics else None


_READERS: dict[str, Callable[..., dict | None]] = {
    "AWS::ApiGateway::RestApi": _rest_api,
    "AWS::CloudFormation::Stack": _stack,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::Cognito::UserPool": _pool,
    "AWS::DynamoDB::Table": _table,
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::ECR::Repository": _repository,
    "AWS::Events::Rule": _rule,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::IAM::Role": _role,
    "AWS::KMS::Alias": _key_alias,
    "AWS::KMS::Key": _key,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Permission": _permission,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::Topic": _topic,
    "AWS::SQS::Queue": _queue,
    "AWS::SSM::Parameter": _parameter,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::StepFunctions::StateMachine": _state_machine,
}
