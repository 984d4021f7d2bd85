"""The executor: the role with which CloudFormation deletes a service stack, whatever role the stack remembers.

It can be assumed by CloudFormation alone and does what CloudFormation's own schemas say that deleting takes
(`handlers.delete.permissions` of the CloudFormation registry), for the types that the service stack has.
"""

from aws_cdk import aws_iam as iam
from constructs import Construct

from teardown.grants import Grant, accept_patterns, describe_alarms, describe_log_groups, statements
from teardown.scope import BUCKET, INTENTS, TABLE, Scope, api_arn, arn

# A test holds this table to the registry's schemas and to the service stack's template, both ways.
DELETE_ACTIONS: dict[str, tuple[str, ...]] = {
    "AWS::ApiGateway::Authorizer": ("apigateway:DELETE",),
    "AWS::ApiGateway::Deployment": ("apigateway:DELETE", "apigateway:GET"),
    "AWS::ApiGateway::GatewayResponse": ("apigateway:DELETE", "apigateway:GET"),
    "AWS::ApiGateway::Method": ("apigateway:DELETE",),
    "AWS::ApiGateway::Resource": ("apigateway:DELETE",),
    "AWS::ApiGateway::RestApi": ("apigateway:DELETE",),
    "AWS::ApiGateway::Stage": ("apigateway:DELETE",),
    # No resource at all; CDK adds it unless versionReporting is off, as it is in cdk.json.
    "AWS::CDK::Metadata": (),
    "AWS::CloudWatch::Alarm": ("cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard"),
    "AWS::Cognito::UserPool": ("cognito-idp:DeleteUserPool",),
    "AWS::Cognito::UserPoolClient": ("cognito-idp:DeleteUserPoolClient",),
    "AWS::Cognito::UserPoolDomain": ("cognito-idp:DeleteUserPoolDomain", "cognito-idp:DescribeUserPoolDomain"),
    "AWS::Cognito::UserPoolResourceServer": ("cognito-idp:DeleteResourceServer",),
    "AWS::DynamoDB::Table": ("dynamodb:DeleteTable", "dynamodb:DescribeTable"),
    "AWS::Events::Rule": ("events:DeleteRule", "events:DescribeRule", "events:ListTargetsByRule", "events:RemoveTargets"),
    "AWS::IAM::Role": (
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:GetRole",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
        "iam:TagRole",
        "iam:UntagRole",
    ),
    # Retained.
    "AWS::KMS::Key": (),
    "AWS::Lambda::EventSourceMapping": ("lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping"),
    "AWS::Lambda::Function": ("lambda:DeleteFunction", "lambda:GetFunction"),
    "AWS::Lambda::Permission": ("lambda:RemovePermission",),
    "AWS::Logs::LogGroup": ("logs:DeleteDataProtectionPolicy", "logs:DeleteLogGroup", "logs:DescribeLogGroups"),
    "AWS::Logs::MetricFilter": ("logs:DeleteMetricFilter",),
    "AWS::Logs::QueryDefinition": ("logs:DeleteQueryDefinition",),
    "AWS::S3::Bucket": ("s3:DeleteBucket", "s3:ListBucket"),
    "AWS::S3::BucketPolicy": ("s3:DeleteBucketPolicy", "s3:GetBucketPolicy"),
}

# Permissions that the schemas list beyond that, and why each is not needed here.
NOT_NEEDED = {
    "AWS::Cognito::UserPoolClient": {
        action: "no client sends analytics, for which Cognito would have a role" for action in ("iam:DeleteRolePolicy", "iam:PutRolePolicy")
    },
    "AWS::Cognito::UserPoolDomain": {
        action: "no domain has a certificate or a key of ours"
        for action in (
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        )
    },
    "AWS::Events::Rule": {"iam:PassRole": "a rule calls a function, which lets it, or nothing; it has no role"},
    "AWS::KMS::Key": {
        action: "the key that signed the audit log's checkpoints is retained, whatever the settings"
        for action in ("kms:DescribeKey", "kms:ScheduleKeyDeletion")
    },
    "AWS::Lambda::Function": {"ec2:DescribeNetworkInterfaces": "no function of the service is in a VPC"},
    "AWS::Lambda::EventSourceMapping": {"kms:Decrypt": "the mapping has no filter encrypted with a key of ours"},
}


class Executor(Construct):
    def __init__(self, scope: Construct, construct_id: str, *, teardown: str, service_scope: Scope) -> None:
        super().__init__(scope, construct_id)
        grants = _grants(service_scope)
        self.role = iam.Role(
            self,
            "Role",
            role_name=f"{teardown}-executor",
            description="CloudFormation deletes the service stacks with it; passed by the teardown workflow only",
            # No aws:SourceArn or aws:SourceAccount: CloudFormation's pages promise neither when it assumes a stack's
            # service role, and a condition that does not come true makes every deletion impossible. The role can only
            # be passed by principals of this account that have iam:PassRole on it.
            assumed_by=iam.ServicePrincipal("cloudformation.amazonaws.com"),
            inline_policies={"Delete": iam.PolicyDocument(statements=statements(grants))},
        )
        accept_patterns(self.role, grants)
        # A stack leaves resources behind only once it is in DELETE_FAILED ("DeleteStack", RetainResources). This role takes it there
        # with everything alive: CloudFormation may assume it, and it may do nothing.
        self.powerless = iam.Role(
            self,
            "Powerless",
            role_name=f"{teardown}-powerless",
            description="Deletes nothing, so that CloudFormation lets a resource be left behind",
            assumed_by=iam.ServicePrincipal("cloudformation.amazonaws.com"),
        )


def _grants(scope: Scope) -> list[Grant]:
    ours = scope.not_of_another_stack()
    named = "CloudFormation gives these names a random end"
    tagged = "These names share the stack's name as prefix; a tag condition keeps other stacks' resources out"
    mappings = ("lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping")
    return [
        Grant(
            actions=("apigateway:DELETE", "apigateway:GET"),
            resources=[api_arn("/restapis/*")],
            conditions=scope.api_not_of_another_stack(),
            why="REST APIs have random ids, not known before the service is deployed; name and tag conditions keep "
            "other APIs out",
        ),
        describe_alarms(),
        describe_log_groups(),
        Grant(
            actions=DELETE_ACTIONS["AWS::CloudWatch::Dashboard"],
            resources=scope.dashboards(),
            why="The dashboard has the stack's name",
        ),
        Grant(actions=("cloudwatch:DeleteAlarms",), resources=scope.alarms(), conditions=ours, why=tagged),
        Grant(
            actions=(
                "cognito-idp:DeleteResourceServer",
                "cognito-idp:DeleteUserPool",
                "cognito-idp:DeleteUserPoolClient",
                "cognito-idp:DeleteUserPoolDomain",
            ),
            resources=scope.user_pools(),
            conditions=ours,
            why="A user pool has a random id; a tag condition keeps other stacks' pools out",
        ),
        Grant(
            actions=("cognito-idp:DescribeUserPoolDomain",),
            resources=["*"],
            why="cognito-idp:DescribeUserPoolDomain takes no resource in IAM; it only reads",
        ),
        Grant(
            actions=("dynamodb:DeleteTable", "dynamodb:DescribeTable"),
            resources=scope.tables(TABLE, INTENTS),
            why=named,
        ),
        Grant(
            actions=DELETE_ACTIONS["AWS::Events::Rule"],
            resources=scope.rules(),
            why="The rules have names of ours",
        ),
        Grant(
            actions=DELETE_ACTIONS["AWS::IAM::Role"],
            resources=scope.roles(),
            why=named,
        ),
        Grant(
            actions=mappings,
            resources=[arn("lambda", "event-source-mapping:*")],
            conditions=scope.mapping_of_a_function(),
            why="A stream mapping has a random id; the condition names the functions it may belong to",
        ),
        Grant(
            actions=("lambda:DeleteFunction", "lambda:GetFunction", "lambda:RemovePermission"),
            resources=scope.functions(),
            conditions=ours,
            why=tagged,
        ),
        Grant(
            actions=("logs:DeleteDataProtectionPolicy", "logs:DeleteLogGroup", "logs:DeleteMetricFilter"),
            resources=scope.log_groups(),
            conditions=ours,
            why="The service's log groups share the stage's prefix, and API Gateway's carries the random API id",
        ),
        Grant(
            actions=("logs:DeleteQueryDefinition",),
            resources=["*"],
            why="logs:DeleteQueryDefinition takes no resource and no condition in IAM; a saved query is a text, and holds no data",
        ),
        Grant(
            actions=("s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:ListBucket"),
            resources=scope.buckets(BUCKET),
            why=named,
        ),
    ]
