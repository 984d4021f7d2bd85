"""A compiled Rust function with its log group, and a role with exactly the permissions given here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, Node

from task_service import nag
from task_service.environment import check_size
from task_service.logs import log_group
from task_service.settings import Context

_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


class RustFunction(Construct):
    """A Lambda function. `binary` is the folder in `assets` that contains the `bootstrap`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        binary: str,
        description: str,
        assets: Path,
        architecture: str,
        log_group_name: str,
        log_retention_days: int,
        statements: Sequence[iam.PolicyStatement],
        environment: Mapping[str, str],
        timeout: Duration,
        memory_mib: int,
        managed_policies: Sequence[iam.IManagedPolicy] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        variables = {"RUST_LOG": "info", **_trust(self.node), **environment}
        check_size(name, variables)
        self.log_group = log_group(self, "Logs", name=log_group_name, retention_days=log_retention_days)
        self.role = _role(
            self, log_group_arn=self.log_group.log_group_arn, statements=statements, managed_policies=managed_policies
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=description,
            runtime=lambda_.Runtime.PROVIDED_AL2023,
            architecture=_ARCHITECTURES[architecture],
            handler="bootstrap",
            code=lambda_.Code.from_asset(str(assets / binary)),
            # CDK would silently add permissions (X-Ray, event sources, destinations): the role here is final.
            role=self.role.without_policy_updates(),
            environment=variables,
            timeout=timeout,
            memory_size=memory_mib,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=self.log_group,
            # The functions print JSON themselves; Lambda's JSON format would wrap it again.
            logging_format=lambda_.LoggingFormat.TEXT,
        )


def _trust(node: Node) -> dict[str, str]:
    """The functions trust Amazon's certificate authorities, or those in the file that the setting `caBundle` names."""
    ca_bundle = Context(node).optional_text("caBundle")
    return {"AWS_CA_BUNDLE": ca_bundle} if ca_bundle else {}


def _role(
    scope: Construct,
    *,
    log_group_arn: str,
    statements: Sequence[iam.PolicyStatement],
    managed_policies: Sequence[iam.IManagedPolicy],
) -> iam.Role:
    # Not AWSLambdaBasicExecutionRole, which may create and write to every log group in the account.
    own_logs = iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group_arn])
    tracing = iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"])
    role = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies={"Function": iam.PolicyDocument(statements=[own_logs, tracing, *statements])},
        managed_policies=list(managed_policies) or None,
    )
    nag.accept(
        role,
        "AwsSolutions-IAM5[Resource::*]",
        reason="xray:PutTraceSegments and xray:PutTelemetryRecords (and dynamodb:ListStreams where a stream is read) "
        "support no resource in IAM; every other statement names its resource, and a test lists them all",
    )
    return role
