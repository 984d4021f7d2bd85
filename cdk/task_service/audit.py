"""From the table's stream to the audit log, with a place for everything that cannot go there."""

from pathlib import Path

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from constructs import Construct

from task_service import nag
from task_service.functions import RustFunction
from task_service.logs import log_group

# What waits for an operator (poison records, discarded batches) holds the tasks' content: not longer than needed.
_FAILURES_KEPT_DAYS = 90


class Audit(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: str,
        table: dynamodb.Table,
        assets: Path,
        architecture: str,
        audit_retention_days: int,
        retain_audit_log: bool,
        audit_deletion_protection: bool,
        free_text: bool,
        retry_attempts: int,
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        # Retained, so that it outlives the service. Two conditions let the same stage be deployed again: the name is a
        # literal and the policy is Retain, so `cdk deploy --import-existing-resources` adopts the group that is still
        # there ("Import AWS resources into a CloudFormation stack automatically") instead of failing on its name.
        self.log_group = log_group(
            self,
            "Log",
            name=f"/tasks/{stage}/audit",
            retention_days=audit_retention_days,
            removal_policy=RemovalPolicy.RETAIN if retain_audit_log else RemovalPolicy.DESTROY,
        )
        # Against a hand in the console: DeleteLogGroup is refused until somebody lifts this ("Protecting log groups from
        # deletion"). The teardown asks for consent to lift it, and only where the audit log is to go.
        self.log_group.node.default_child.deletion_protection_enabled = audit_deletion_protection
        self.quarantine = log_group(
            self, "Quarantine", name=f"/tasks/{stage}/quarantine", retention_days=_FAILURES_KEPT_DAYS
        )
        self.failures = _failure_bucket(self)
        rust_function = RustFunction(
            self,
            "Consumer",
            name=f"tasks-{stage}-audit",
            binary="audit",
            description="Turns every change of the task table into a record of the audit log",
            assets=assets,
            architecture=architecture,
            log_group_name=f"/tasks/{stage}/audit-function",
            log_retention_days=log_retention_days,
            statements=[
                *_stream_statements(table),
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[self.log_group.log_group_arn, self.quarantine.log_group_arn],
                ),
                *_failure_statements(self.failures),
            ],
            environment={
                "AUDIT_LOG_GROUP": self.log_group.log_group_name,
                "QUARANTINE_LOG_GROUP": self.quarantine.log_group_name,
                "AUDIT_FREE_TEXT": "true" if free_text else "false",
            },
            # A batch retries PutLogEvents in place for a while before the whole batch is delivered again.
            timeout=Duration.seconds(60),
            memory_mib=256,
        )
        nag.accept(
            rust_function.role,
            f"AwsSolutions-IAM5[Resource::<{_logical_id(self.failures)}.Arn>/*]",
            reason="Lambda names each discarded batch itself, and creates no mapping unless the role may write to the "
            "whole failure bucket",
        )
        self.function = rust_function.function
        self.mapping = self._mapping(table=table, retry_attempts=retry_attempts)
        # The bucket accepts TLS only from the first object on.
        self.mapping.node.add_dependency(self.failures.policy)

    def _mapping(self, *, table: dynamodb.Table, retry_attempts: int) -> lambda_.EventSourceMapping:
        return lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.function,
            event_source_arn=table.table_stream_arn,
            # LATEST could miss what is written while the mapping starts.
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            # One call of PutLogEvents takes a batch of this size, and no batching window: a record shows within 2 s.
            batch_size=100,
            # Order per task is per shard; a factor above 1 would keep it per key only, and drain proofs need the shard.
            parallelization_factor=1,
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            # The stream forgets after 24 h. Both limits end before, so that a batch that never succeeds reaches the
            # bucket with its payload while it still exists; the age leaves half a day to repair and deploy.
            retry_attempts=retry_attempts,
            max_record_age=Duration.hours(12),
            # S3 keeps the payload; SQS and SNS would get metadata only.
            on_failure=event_sources.S3OnFailureDestination(self.failures),
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
        )


def _failure_bucket(scope: Construct) -> s3.Bucket:
    bucket = s3.Bucket(
        scope,
        "Failures",
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        lifecycle_rules=[
            s3.LifecycleRule(
                expiration=Duration.days(_FAILURES_KEPT_DAYS),
                abort_incomplete_multipart_upload_after=Duration.days(1),
            )
        ],
        # Not emptied on deletion: what lies here never reached the audit log. A non-empty bucket stops the deletion
        # of the stack until someone agrees to lose it.
        removal_policy=RemovalPolicy.DESTROY,
    )
    nag.accept(
        bucket,
        "AwsSolutions-S1",
        reason="Written by one event source mapping only and empty in normal operation; an alarm watches every "
        "delivery, and access logs would need a second bucket to protect and tear down",
    )
    return bucket


def _stream_statements(table: dynamodb.Table) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            resources=[table.table_stream_arn],
        ),
        # Lambda asks for it when it makes the mapping; the action takes no resource ("Actions, resources, and
        # condition keys for Amazon DynamoDB").
        iam.PolicyStatement(actions=["dynamodb:ListStreams"], resources=["*"]),
    ]


def _failure_statements(bucket: s3.Bucket) -> list[iam.PolicyStatement]:
    """Both actions of "Retain discarded records for a DynamoDB event source in Lambda", used with the function's role.

    Lambda writes below `aws/lambda/` only, but refuses to create the mapping unless `s3:PutObject` is allowed on the
    whole bucket (`local/corrections/functions/mapping_destination.py` refuses it too). The condition keeps records out of a bucket of another
    account that took the name after ours was deleted.
    """
    ours = {"StringEquals": {"s3:ResourceAccount": Aws.ACCOUNT_ID}}
    return [
        iam.PolicyStatement(actions=["s3:PutObject"], resources=[bucket.arn_for_objects("*")], conditions=ours),
        iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn], conditions=ours),
    ]


def _logical_id(construct: Construct) -> str:
    return Stack.of(construct).get_logical_id(construct.node.default_child)
