"""The one setting that every API of an account and region shares: the role with which API Gateway writes logs.

Not part of the service stack: UpdateAccount takes one call in 20 seconds ("Amazon API Gateway quotas"), so two stages deployed
at the same time would be one too many. `cargo xtask deploy` looks first and deploys this stack only where no role is set
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
            description="The role with which API Gateway writes logs in this account and region, for every API",
            tags={"service": "tasks"},
        )
        role = iam.Role(
            self,
            "LogRole",
            description="API Gateway writes the logs of every API of this account and region with it",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
            ],
        )
        nag.accept(
            role,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
            reason="The role serves every API of the account, whose log groups this stack cannot know; AWS made this "
            "policy for it",
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        # API Gateway reads the role when the setting is made, its policy included.
        account.node.add_dependency(role)
        # Both outlive the stack: without them the logs of every other API would end.
        for kept in (role, account):
            kept.apply_removal_policy(RemovalPolicy.RETAIN)
        CfnOutput(self, "LogRoleArn", value=role.role_arn)
