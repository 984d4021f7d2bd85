"""What the delete handler of each resource type has to be allowed, and whether an execution role allows it.

From the types' schemas (the CloudFormation registry: ``handlers.delete.permissions``). ``calls`` is what the handler cannot do
without and is demanded here; ``more`` stands in the schema too, but is not known to be always called (by hand on AWS: deny it
and delete). An executor's policy should grant both. A type that is not in the table is not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local.delete_refusals import service_failure


@dataclass(frozen=True)
class Deletion:
    """The rights that deleting one resource takes."""

    resource: Callable[[str, dict], str]  # physical id, properties → ARN, with {region} and {account} left open
    calls: tuple[str, ...]
    more: tuple[str, ...] = ()
    when: tuple[tuple[str, str], ...] = ()  # property → call that it makes necessary


def _named(pattern: str):
    return lambda physical_id, properties: pattern.replace("{id}", physical_id)


def _gateway(path: str, *names: str):
    """``path`` under the REST API; {id} is the physical id, other names are properties."""

    def arn(physical_id, properties):
        filled = path.replace("{id}", physical_id)
        for name in names:
            filled = filled.replace(f"<{name}>", str(properties.get(name, "")))
        return f"arn:aws:apigateway:{{region}}::/restapis/{properties.get('RestApiId', physical_id)}{filled}"

    return arn


def _function(physical_id, properties):
    name = str(properties.get("FunctionName", physical_id)).split(":function:")[-1].split(":")[0]
    return f"arn:aws:lambda:{{region}}:{{account}}:function:{name}"


def _group_of_filter(physical_id, properties):
    return _GROUP.replace("{id}", str(properties.get("LogGroupName", "")))


# CloudWatch Logs asks about the streams of a group: a policy on the bare group's ARN, without ":*", does not match.
_GROUP = "arn:aws:logs:{region}:{account}:log-group:{id}:log-stream:"

DELETIONS: dict[str, Deletion] = {
    "AWS::ApiGateway::Account": Deletion(_named(""), ()),
    "AWS::ApiGateway::Authorizer": Deletion(_gateway("/authorizers/{id}"), ("apigateway:DELETE",)),
    "AWS::ApiGateway::Deployment": Deletion(_gateway("/deployments/{id}"), ("apigateway:DELETE",), ("apigateway:GET",)),
    "AWS::ApiGateway::GatewayResponse": Deletion(
        _gateway("/gatewayresponses/<ResponseType>", "ResponseType"), ("apigateway:DELETE",), ("apigateway:GET",)
    ),
    "AWS::ApiGateway::Method": Deletion(
        _gateway("/resources/<ResourceId>/methods/<HttpMethod>", "ResourceId", "HttpMethod"), ("apigateway:DELETE",)
    ),
    "AWS::ApiGateway::Resource": Deletion(_gateway("/resources/{id}"), ("apigateway:DELETE",)),
    "AWS::ApiGateway::RestApi": Deletion(_gateway(""), ("apigateway:DELETE",)),
    "AWS::ApiGateway::Stage": Deletion(_gateway("/stages/<StageName>", "StageName"), ("apigateway:DELETE",)),
    "AWS::CloudWatch::Alarm": Deletion(
        _named("arn:aws:cloudwatch:{region}:{account}:alarm:{id}"),
        ("cloudwatch:DeleteAlarms",),
        ("cloudwatch:DescribeAlarms",),
    ),
    "AWS::DynamoDB::Table": Deletion(
        _named("arn:aws:dynamodb:{region}:{account}:table/{id}"), ("dynamodb:DeleteTable", "dynamodb:DescribeTable")
    ),
    "AWS::IAM::ManagedPolicy": Deletion(
        _named("{id}"),
        ("iam:DeletePolicy", "iam:ListPolicyVersions"),
        ("iam:GetPolicy", "iam:DeletePolicyVersion", "iam:ListEntitiesForPolicy"),
    ),
    "AWS::IAM::Role": Deletion(
        _named("arn:aws:iam::{account}:role/{id}"),
        ("iam:DeleteRole",),
        ("iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
        (("Policies", "iam:DeleteRolePolicy"), ("ManagedPolicyArns", "iam:DetachRolePolicy")),
    ),
    "AWS::Lambda::EventSourceMapping": Deletion(
        _named("arn:aws:lambda:{region}:{account}:event-source-mapping:{id}"),
        ("lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping"),
    ),
    "AWS::Lambda::Function": Deletion(
        _named("arn:aws:lambda:{region}:{account}:function:{id}"), ("lambda:DeleteFunction",), ("lambda:GetFunction",)
    ),
    "AWS::Lambda::Permission": Deletion(_function, ("lambda:RemovePermission",), ("lambda:GetPolicy",)),
    "AWS::Logs::LogGroup": Deletion(_named(_GROUP), ("logs:DeleteLogGroup",), ("logs:DescribeLogGroups",)),
    "AWS::Logs::MetricFilter": Deletion(
        _group_of_filter, ("logs:DeleteMetricFilter",), ("logs:DescribeMetricFilters",)
    ),
    "AWS::S3::Bucket": Deletion(_named("arn:aws:s3:::{id}"), ("s3:DeleteBucket",), ("s3:ListBucket",)),
    "AWS::S3::BucketPolicy": Deletion(
        lambda physical_id, properties: f"arn:aws:s3:::{properties.get('Bucket', physical_id)}",
        ("s3:DeleteBucketPolicy",),
        ("s3:GetBucketPolicy",),
    ),
    "AWS::SNS::Topic": Deletion(_named("{id}"), ("sns:DeleteTopic",), ("sns:GetTopicAttributes",)),
    "AWS::Scheduler::Schedule": Deletion(
        lambda physical_id, properties: (
            f"arn:aws:scheduler:{{region}}:{{account}}:schedule/{properties.get('GroupName', 'default')}/{physical_id}"
        ),
        ("scheduler:DeleteSchedule", "scheduler:GetSchedule"),
    ),
    "AWS::StepFunctions::StateMachine": Deletion(
        _named("{id}"), ("states:DeleteStateMachine", "states:DescribeStateMachine")
    ),
}

# How the SDK of the handlers calls each service, and the status of its denial.
_SERVICES = {
    "apigateway": ("ApiGateway", 403),
    "cloudwatch": ("CloudWatch", 403),
    "dynamodb": ("DynamoDb", 400),
    "iam": ("Iam", 403),
    "lambda": ("Lambda", 403),
    "logs": ("CloudWatchLogs", 400),
    "s3": ("S3", 403),
    "scheduler": ("Scheduler", 403),
    "sns": ("Sns", 403),
    "states": ("Sfn", 400),
}


def demand(role_arn: str, kind: str, physical_id: str, properties: dict) -> None:
    """Fails as the handler does when the role may not do what deleting the resource takes."""
    from ministack.core.responses import get_account_id, get_region

    deletion = DELETIONS.get(kind)
    if deletion is None:
        return
    arn = deletion.resource(physical_id, properties)
    arn = arn.replace("{region}", get_region()).replace("{account}", get_account_id())
    for action in (*(call for name, call in deletion.when if properties.get(name)), *deletion.calls):
        decision = _decision(role_arn, action, arn)
        if decision != "Allow":
            raise _denied(role_arn, action, arn, explicit=decision == "Deny")


def _decision(role_arn: str, action: str, arn: str) -> str:
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import iam

    account, name = get_account_id(), role_arn.rsplit("/", 1)[1]
    context = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=arn,
        region=get_region(),
        service_context={"aws:calledvia": ["cloudformation.amazonaws.com"], **_keys(arn)},
    )
    limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
    return iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account), *limits).decision


def _keys(arn: str) -> dict:
    """The condition keys that the services set about a resource; what is gone has none, as on AWS."""
    from ministack.services import apigateway_v1, lambda_svc
    from ministack.services.tagging import resource_tags

    tagged, keys = arn.removesuffix(":log-stream:"), {}
    if "/restapis/" in arn:
        # "Child resources inherit the tags that are set on parent resources": "API Gateway resources that can be tagged".
        api_id = arn.split("/restapis/")[1].split("/")[0]
        tagged = f"{arn.split('/restapis/')[0]}/restapis/{api_id}"
        api = apigateway_v1._rest_apis.get(api_id)
        if api is not None:
            keys["apigateway:resource/apiname"] = api["name"]
    if ":event-source-mapping:" in arn:
        mapping = lambda_svc._esms.get(arn.rsplit(":", 1)[1])
        if mapping is not None:
            keys["lambda:functionarn"] = mapping["FunctionArn"]
    for found in {tagged, arn}:
        for name, value in (resource_tags(found) or {}).items():
            keys[f"aws:resourcetag/{name}".lower()] = value
    return keys


def _denied(role_arn: str, action: str, arn: str, explicit: bool):
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[1]
    service, status = _SERVICES[action.split(":")[0]]
    because = (
        "with an explicit deny in an identity-based policy"
        if explicit
        else f"because no identity-based policy allows the {action} action"
    )
    message = (
        f"User: arn:aws:sts::{account}:assumed-role/{name}/AWSCloudFormation is not authorized to perform: "
        f"{action} on resource: {arn} {because}"
    )
    return service_failure(message, service, status, "AccessDenied")
