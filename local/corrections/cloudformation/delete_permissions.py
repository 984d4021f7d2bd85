"""The permissions that each resource type's delete handler needs, and a check of an execution role for them.

They are taken from the types' schemas (the CloudFormation registry: ``handlers.delete.permissions``). ``calls`` are those that
the handler cannot do without; they are demanded here. ``more`` are in the schema too, but not known to be used every time (to
find out on AWS: deny one and delete). An executor's policy should grant both. A type that is not in the table is looked up in
``registered_deletions``; what is not there either is not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local.corrections.cloudformation import registered_deletions
from local.corrections.cloudformation.handlers import service_failure
from local.corrections.iam import authority


@dataclass(frozen=True)
class Deletion:
    """The permissions that deleting one resource takes."""

    resource: Callable[[str, dict], str]  # physical id, properties → ARN, with {region} and {account} left open
    calls: tuple[str, ...]
    more: tuple[str, ...] = ()
    when: tuple[tuple[str, str], ...] = ()  # property → the call that it makes necessary


def _named(pattern: str):
    return lambda physical_id, properties: pattern.replace("{id}", physical_id)


def _gateway(path: str, *names: str):
    """Returns the ARN of ``path`` under the REST API; ``{id}`` is the physical id, ``<Name>`` a property."""

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
    return authority.GROUP.replace("{id}", str(properties.get("LogGroupName", "")))


_USER_POOL = "arn:aws:cognito-idp:{region}:{account}:userpool/{id}"


def _user_pool(physical_id, properties):
    return _USER_POOL.replace("{id}", str(properties.get("UserPoolId", "")))


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
    "AWS::CloudWatch::Dashboard": Deletion(
        # "Actions, resources, and condition keys for Amazon CloudWatch": dashboards belong to no region.
        _named("arn:aws:cloudwatch::{account}:dashboard/{id}"),
        ("cloudwatch:DeleteDashboards",),
        ("cloudwatch:GetDashboard",),
    ),
    "AWS::Cognito::UserPool": Deletion(_named(_USER_POOL), ("cognito-idp:DeleteUserPool",)),
    "AWS::Cognito::UserPoolClient": Deletion(_user_pool, ("cognito-idp:DeleteUserPoolClient",)),
    "AWS::Cognito::UserPoolDomain": Deletion(
        _user_pool, ("cognito-idp:DeleteUserPoolDomain",), ("cognito-idp:DescribeUserPoolDomain",)
    ),
    "AWS::Cognito::UserPoolResourceServer": Deletion(_user_pool, ("cognito-idp:DeleteResourceServer",)),
    "AWS::DynamoDB::Table": Deletion(
        _named("arn:aws:dynamodb:{region}:{account}:table/{id}"), ("dynamodb:DeleteTable", "dynamodb:DescribeTable")
    ),
    "AWS::Events::Rule": Deletion(
        _named("arn:aws:events:{region}:{account}:rule/{id}"),
        ("events:DeleteRule",),
        ("events:DescribeRule", "events:ListTargetsByRule", "iam:PassRole"),
        (("Targets", "events:RemoveTargets"),),
    ),
    "AWS::IAM::ManagedPolicy": Deletion(
        _named("{id}"),
        ("iam:DeletePolicy", "iam:ListPolicyVersions"),
        ("iam:GetPolicy", "iam:DeletePolicyVersion", "iam:ListEntitiesForPolicy"),
    ),
    "AWS::IAM::Role": Deletion(
        lambda name, _: registered_deletions.arn_of_role(name),
        ("iam:DeleteRole",),
        ("iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
        (("Policies", "iam:DeleteRolePolicy"), ("ManagedPolicyArns", "iam:DetachRolePolicy")),
    ),
    "AWS::KMS::Key": Deletion(
        _named("arn:aws:kms:{region}:{account}:key/{id}"), ("kms:ScheduleKeyDeletion",), ("kms:DescribeKey",)
    ),
    "AWS::Lambda::EventSourceMapping": Deletion(
        _named("arn:aws:lambda:{region}:{account}:event-source-mapping:{id}"),
        ("lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping"),
    ),
    "AWS::Lambda::Function": Deletion(
        _named("arn:aws:lambda:{region}:{account}:function:{id}"), ("lambda:DeleteFunction",), ("lambda:GetFunction",)
    ),
    "AWS::Lambda::Permission": Deletion(_function, ("lambda:RemovePermission",), ("lambda:GetPolicy",)),
    "AWS::Logs::LogGroup": Deletion(_named(authority.GROUP), ("logs:DeleteLogGroup",), ("logs:DescribeLogGroups",)),
    "AWS::Logs::MetricFilter": Deletion(
        _group_of_filter, ("logs:DeleteMetricFilter",), ("logs:DescribeMetricFilters",)
    ),
    # "Actions, resources, and condition keys for Amazon CloudWatch Logs": the call supports no resource.
    "AWS::Logs::QueryDefinition": Deletion(_named("*"), ("logs:DeleteQueryDefinition",)),
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

# Each service's name in the handlers' error messages, and the HTTP status of its denial.
_SERVICES = {
    "apigateway": ("ApiGateway", 403),
    "cloudformation": ("CloudFormation", 403),
    "cloudwatch": ("CloudWatch", 403),
    "cognito-idp": ("CognitoIdentityProvider", 400),
    "dynamodb": ("DynamoDb", 400),
    "ec2": ("Ec2", 403),
    "ecr": ("Ecr", 400),
    "events": ("EventBridge", 400),
    "iam": ("Iam", 403),
    "kms": ("Kms", 400),
    "lambda": ("Lambda", 403),
    "logs": ("CloudWatchLogs", 400),
    "s3": ("S3", 403),
    "scheduler": ("Scheduler", 403),
    "secretsmanager": ("SecretsManager", 400),
    "sns": ("Sns", 403),
    "sqs": ("Sqs", 403),
    "ssm": ("Ssm", 400),
    "states": ("Sfn", 400),
}


def demand(role_arn: str, kind: str, physical_id: str, properties: dict) -> None:
    """Fails as the handler does if the role lacks a permission that deleting the resource takes."""
    from ministack.core.responses import get_account_id, get_region

    for action, pattern in _needs(kind, physical_id, properties):
        arn = pattern.replace("{region}", get_region()).replace("{account}", get_account_id())
        decision = authority.decision(
            role_arn, action, arn, {"aws:CalledVia": ["cloudformation.amazonaws.com"]}
        )
        if decision != "Allow":
            raise _denied(role_arn, action, arn, explicit=decision == "Deny")


def _needs(kind: str, physical_id: str, properties: dict) -> list[tuple[str, str]]:
    """Returns each action that deleting the resource takes, with the ARN that it is about; {region} and {account} are left open."""
    deletion = DELETIONS.get(kind)
    if deletion is None:
        return registered_deletions.needs(kind, physical_id, properties)
    arn = deletion.resource(physical_id, properties)
    return [(action, arn) for action in (*(call for name, call in deletion.when if properties.get(name)), *deletion.calls)]


def _denied(role_arn: str, action: str, arn: str, explicit: bool):
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[1]
    prefix = action.split(":")[0]
    service, status = _SERVICES.get(prefix, (prefix.capitalize(), 403))
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
