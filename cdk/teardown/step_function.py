"""The one function that does every step, and what it may do: AWS calls of functions/teardown/src, no more, no less.

A test compares them with the calls in the Rust sources. The destructive rights are the executor's; this role's own
are those without which a stack cannot be prepared for its deletion, or a leftover removed after it.
"""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from teardown.contract import NAMES
from teardown.function import Surroundings, function_of
from teardown.grants import Grant, accept_patterns, describe_alarms, list_what_has_no_resource, statements
from teardown.scope import BUCKET, INTENTS, SEAL_BUCKET, TABLE, Scope, api_arn, arn


class StepFunction(Construct):
    def __init__(self, scope: Construct, construct_id: str, *, surroundings: Surroundings) -> None:
        super().__init__(scope, construct_id)
        service_scope, teardown = surroundings.service_scope, surroundings.settings.teardown
        executor, powerless = surroundings.executor, surroundings.powerless
        grants = [
            *_stack_grants(service_scope, deleters=[executor.role_arn, powerless.role_arn]),
            *_data_grants(service_scope, evidence=surroundings.evidence),
            *_function_grants(service_scope),
            *_api_grants(),
            *_user_pool_grants(service_scope),
            *_leftover_grants(service_scope, executor=executor),
            Grant(
                actions=("states:DescribeExecution",),
                resources=[arn("states", f"execution:{teardown}:*")],
                why="Executions are named when they start; only this machine's are read, to see who holds a stack",
            ),
        ]
        # Apart, because they would not fit beside the others: a role's inline policies have 10,240 characters, a managed policy has
        # 6,144 of its own ("IAM and AWS STS quotas").
        log_grants = _log_grants(service_scope, reports=surroundings.reports)
        logs_policy = iam.ManagedPolicy(
            self,
            "LogPolicy",
            managed_policy_name=f"{teardown}-step-logs",
            description="The teardown's step function: log groups. Of no use to anybody else",
            statements=statements(log_grants),
        )
        accept_patterns(logs_policy, log_grants)
        rust_function = function_of(
            self,
            "Step",
            name=f"{teardown}-step",
            description="Does each step of the teardown workflow",
            log_group_name=f"/{teardown}/function",
            surroundings=surroundings,
            grants=grants,
            managed_policies=[logs_policy],
        )
        accept_patterns(rust_function.role, grants)
        self.function = rust_function.function
        # What the state machine calls. An execution keeps the definition that it began with, and so the version: the run that one
        # state hands to the next is read by the code that wrote it. Older versions stay for the executions under way.
        self.version = self.function.current_version
        self.version.apply_removal_policy(RemovalPolicy.RETAIN)


def _stack_grants(scope: Scope, *, deleters: list[str]) -> list[Grant]:
    stack_ids = "A stack's ARN ends in a random id; the name before it is exact"
    return [
        Grant(
            actions=(
                "cloudformation:DescribeStackEvents",
                "cloudformation:DescribeStacks",
                "cloudformation:GetTemplate",
                "cloudformation:ListStackResources",
                "cloudformation:UpdateTerminationProtection",
            ),
            resources=scope.stacks(),
            why=stack_ids,
        ),
        # With no other role than the executor and the one that may do nothing. IfExists, because nothing that only AWS itself can show (here, that
        # DeleteStack always fills the key) may stand between an operator and a deletion.
        Grant(
            actions=("cloudformation:DeleteStack",),
            resources=scope.stacks(),
            conditions={"ArnEqualsIfExists": {"cloudformation:RoleArn": deleters}},
            why=stack_ids,
        ),
        Grant(
            actions=("iam:PassRole",),
            resources=deleters,
            conditions={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
            why="The executor and the role that may do nothing, to CloudFormation, and nothing else",
        ),
        # "Actions, resources, and condition keys" of AWS CloudFormation and Amazon DynamoDB: no resource type.
        Grant(
            actions=("cloudformation:ListImports", "cloudformation:ListStacks", "dynamodb:ListBackups"),
            resources=["*"],
            why="cloudformation:ListImports, cloudformation:ListStacks and dynamodb:ListBackups take no resource in IAM; they only read",
        ),
    ]


def _data_grants(scope: Scope, *, evidence: dynamodb.Table) -> list[Grant]:
    table = "CloudFormation gives the table's name a random end"
    return [
        Grant(
            actions=(
                "dynamodb:CreateBackup",
                "dynamodb:DescribeBackup",
                "dynamodb:DescribeContinuousBackups",
                "dynamodb:DescribeStream",
                "dynamodb:DescribeTable",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTable",
            ),
            resources=scope.tables(TABLE),
            why=table,
        ),
        # It is neither drained nor backed up.
        Grant(
            actions=("dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:UpdateTable"),
            resources=scope.tables(INTENTS),
            why=table,
        ),
        # Sentinels, and never an item that could be a task: those have an owner's key.
        Grant(
            actions=("dynamodb:PutItem",),
            resources=scope.tables(TABLE),
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{NAMES['sentinelPrefix']}*"]}},
            why=table,
        ),
        Grant(
            actions=("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"),
            resources=[evidence.table_arn],
            why="The evidence table",
        ),
    ]


def _function_grants(scope: Scope) -> list[Grant]:
    return [
        Grant(
            actions=("lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:GetPolicy"),
            resources=scope.functions(),
            why="The inventory says which functions are to be shown absent; all begin with the service's name",
        ),
        # Freezing stops the one function that writes.
        Grant(
            actions=(
                "lambda:DeleteFunctionConcurrency",
                "lambda:GetFunctionConcurrency",
                "lambda:PutFunctionConcurrency",
            ),
            resources=scope.functions("task-api"),
            why="The function that writes tasks",
        ),
        # What its concurrency was stands on the function too, where it outlasts the evidence.
        Grant(
            actions=("lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"),
            resources=scope.functions("task-api"),
            why="The function that writes tasks",
        ),
        Grant(
            actions=("lambda:GetEventSourceMapping",),
            resources=[arn("lambda", "event-source-mapping:*")],
            conditions=scope.mapping_of_a_function(),
            why="A stream mapping has a random id; the condition names the functions it may belong to",
        ),
    ]


def _log_grants(scope: Scope, *, reports: logs.LogGroup) -> list[Grant]:
    return [
        Grant(
            actions=("logs:FilterLogEvents",),
            resources=scope.audit_logs(),
            why="A log group's ARN is checked with an ending for its streams; the group itself is named",
        ),
        # How many changes never reached the audit log, and which.
        Grant(
            actions=("logs:DescribeLogStreams", "logs:GetLogEvents"),
            resources=scope.quarantines(),
            why="A log group's ARN is checked with an ending for its streams; the group itself is named",
        ),
        list_what_has_no_resource(),
        Grant(
            actions=("logs:DeleteLogGroup", "logs:PutLogGroupDeletionProtection"),
            resources=[*scope.log_groups(), *scope.lambda_log_groups()],
            conditions=scope.not_of_another_stack(),
            why="A late function and API Gateway make log groups again after the stack is gone, under these prefixes",
        ),
        # To show a filter absent, every log group of the inventory is looked at, also one that may not be deleted. So is the tag that
        # says whose a group is.
        Grant(
            actions=("logs:DescribeMetricFilters", "logs:ListTagsForResource"),
            resources=[arn("logs", "log-group:*")],
            why="The inventory's log groups, of which API Gateway names some after random ids; filters and tags are only read",
        ),
        Grant(
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=[reports.log_group_arn],
            why="A log group's ARN is checked with an ending for its streams; the group itself is named",
        ),
    ]


def _api_grants() -> list[Grant]:
    return [
        Grant(
            actions=("apigateway:GET",),
            resources=[api_arn("/restapis/*")],
            why="REST APIs have random ids; whether one is gone is only read",
        ),
    ]


def _user_pool_grants(scope: Scope) -> list[Grant]:
    return [
        Grant(
            actions=("cognito-idp:DescribeUserPool", "cognito-idp:UpdateUserPool"),
            resources=scope.user_pools(),
            conditions=scope.not_of_another_stack(),
            why="A user pool has a random id; a tag condition keeps other stacks' pools out",
        ),
    ]


def _leftover_grants(scope: Scope, *, executor: iam.Role) -> list[Grant]:
    bucket = "CloudFormation gives the failure bucket's name a random end, and its objects are named by Lambda"
    return [
        describe_alarms(),
        Grant(
            actions=("iam:GetRole",),
            resources=[*scope.roles(""), executor.role_arn],
            why="The inventory says which roles are to be shown absent; all begin with the service's name",
        ),
        Grant(
            actions=("events:DescribeRule",),
            resources=scope.rules(),
            why="The rules have names of ours",
        ),
        # That of checkpoints is only looked for: it stays.
        Grant(
            actions=("s3:ListBucket",),
            resources=scope.buckets(SEAL_BUCKET),
            why="CloudFormation gives the bucket's name a random end",
        ),
        Grant(
            actions=("s3:ListBucket", "s3:ListBucketVersions"),
            resources=scope.buckets(BUCKET),
            why=bucket,
        ),
        Grant(
            actions=("s3:DeleteObject", "s3:DeleteObjectVersion"),
            resources=scope.buckets(BUCKET, below="/*"),
            why=bucket,
        ),
    ]
