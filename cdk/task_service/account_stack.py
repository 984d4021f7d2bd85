"""The one setting that all APIs of an account and region share: the role that API Gateway writes logs with.

It is not part of the service stack, because UpdateAccount allows one call per 20 seconds ("Amazon API Gateway quotas"), so one of
two stages deployed at the same time would fail. `cargo xtask deploy` looks first and deploys this stack only where no role is set
(xtask/src/service/log_role.rs, docs/decisions/0021).
"""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from task_service import nag

ACCOUNT_STACK = "tasks-account"


class AccountStack(Stack):
    def __init__(self, scope: Construct, construct_id: str = ACCOUNT_STACK) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=ACCOUNT_STACK,
            description="The role that API Gateway writes logs with, for every API in this account and region",
            tags={"service": "tasks"},
        )
        role = iam.Role(
            self,
            "LogRole",
            description="API Gateway uses it to write the logs of every API in this account and region",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
            ],
        )
        nag.accept(
            role,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
            reason="The role serves every API of the account, and this stack cannot know their log groups; AWS provides "
            "this policy for the purpose",
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        # API Gateway checks the role and its policy when the setting is made.
        account.node.add_dependency(role)
        # Both outlive the stack: without them every other API would stop logging.
        for kept in (role, account):
            kept.apply_removal_policy(RemovalPolicy.RETAIN)
        CfnOutput(self, "LogRoleArn", value=role.role_arn)
