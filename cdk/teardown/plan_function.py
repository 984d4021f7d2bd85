"""The function of the machine that only plans: the step function's code, with a role that reads.

It writes the report of the plan, and the lists of its run into the evidence. No grant here changes a service stack.
"""

from aws_cdk import RemovalPolicy
from constructs import Construct

from teardown.function import Surroundings, function_of
from teardown.grants import Grant, accept_patterns
from teardown.scope import BUCKET, INTENTS, TABLE, Scope, arn


class PlanFunction(Construct):
    def __init__(self, scope: Construct, construct_id: str, *, name: str, surroundings: Surroundings) -> None:
        super().__init__(scope, construct_id)
        grants = _grants(surroundings)
        rust_function = function_of(
            self,
            "Plan",
            name=name,
            description="Plans a teardown, and can do nothing else",
            log_group_name=f"/{surroundings.settings.teardown}/plan-function",
            surroundings=surroundings,
            grants=grants,
        )
        accept_patterns(rust_function.role, grants)
        self.version = rust_function.function.current_version
        # As the step function's: a plan goes on with the code that it began with.
        self.version.apply_removal_policy(RemovalPolicy.RETAIN)


def _grants(surroundings: Surroundings) -> list[Grant]:
    scope = surroundings.service_scope
    return [
        Grant(
            actions=("cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:ListStackResources"),
            resources=scope.stacks(),
            why="A stack's ARN ends in a random id; the name before it is exact",
        ),
        # The Service Authorization Reference gives none of them a resource type.
        Grant(
            actions=(
                "cloudformation:ListImports",
                "cloudformation:ListStacks",
                "dynamodb:ListBackups",
                "logs:DescribeLogGroups",
            ),
            resources=["*"],
            why="cloudformation:ListImports, cloudformation:ListStacks, dynamodb:ListBackups and logs:DescribeLogGroups take no "
            "resource in IAM; they only list",
        ),
        *_service_grants(scope, executor_arn=surroundings.executor.role_arn),
        Grant(
            actions=("dynamodb:GetItem", "dynamodb:PutItem"),
            resources=[surroundings.evidence.table_arn],
            why="The evidence table: what earlier runs knew, and the lists of this one",
        ),
        Grant(
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=[surroundings.reports.log_group_arn],
            why="A log group's ARN is checked with an ending for its streams; the group itself is named",
        ),
    ]


def _service_grants(scope: Scope, *, executor_arn: str) -> list[Grant]:
    return [
        Grant(
            actions=("dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable"),
            resources=scope.tables(TABLE, INTENTS),
            why="CloudFormation gives the tables' names a random end",
        ),
        Grant(
            actions=("lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration", "lambda:ListTags"),
            resources=scope.functions("task-api"),
            why="The function that writes tasks: whether it is stopped, and who stopped it",
        ),
        Grant(
            actions=("lambda:GetEventSourceMapping",),
            resources=[arn("lambda", "event-source-mapping:*")],
            conditions=scope.mapping_of_a_function(),
            why="A stream mapping has a random id; the condition names the functions it may belong to",
        ),
        Grant(
            actions=("logs:DescribeLogStreams", "logs:GetLogEvents"),
            resources=scope.quarantines(),
            why="A log group's ARN is checked with an ending for its streams; the group itself is named",
        ),
        Grant(
            actions=("cognito-idp:DescribeUserPool",),
            resources=scope.user_pools(),
            conditions=scope.not_of_another_stack(),
            why="A user pool has a random id; a tag condition keeps other stacks' pools out",
        ),
        Grant(
            actions=("iam:GetRole",),
            resources=[*scope.roles(""), executor_arn],
            why="The inventory says which roles are looked at; all begin with the service's name",
        ),
        Grant(
            actions=("s3:ListBucketVersions",),
            resources=scope.buckets(BUCKET),
            why="CloudFormation gives the failure bucket's name a random end",
        ),
    ]
