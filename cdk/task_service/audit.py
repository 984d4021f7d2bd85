"""The path from the table's stream to the audit log, with a place for every record that cannot go there."""

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from constructs import Construct

from task_service import nag
from task_service.functions import RustFunction
from task_service.logs import audit_log_group, log_group
from task_service.queries import INDEXED
from task_service.settings import Settings

# Records waiting for an operator (poison records, discarded batches) contain the tasks' content, so they are not kept longer
# than needed.
_FAILURES_KEPT_DAYS = 90

# The function retries PutLogEvents for a while before the whole batch is delivered again. The notary seals a minute only once
# no invocation of that minute can run any more.
TIMEOUT = Duration.seconds(60)


class Audit(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        table: dynamodb.Table,
        intents: dynamodb.Table | None,
    ) -> None:
        super().__init__(scope, construct_id)
        stage = settings.stage
        self.log_group = audit_log_group(self, "Log", name=f"/tasks/{stage}/audit", settings=settings)
        self.log_group.node.default_child.field_index_policies = [{"Fields": list(INDEXED)}]
        self.quarantine = log_group(
            self,
            "Quarantine",
            name=f"/tasks/{stage}/quarantine",
            retention_days=_FAILURES_KEPT_DAYS,
            # What could not be audited is nowhere else: it outlives the service with the audit log.
            removal_policy=RemovalPolicy.RETAIN if settings.retain_audit_log else RemovalPolicy.DESTROY,
        )
        self.failures = _failure_bucket(self)
        rust_function = RustFunction(
            self,
            "Consumer",
            name=f"tasks-{stage}-audit",
            binary="audit",
            description="Turns every change to the task table into a record of the audit log",
            assets=settings.assets,
            architecture=settings.architecture,
            log_group_name=f"/tasks/{stage}/audit-function",
            log_retention_days=settings.log_retention_days,
            statements=[
                *_stream_statements(table),
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[self.log_group.log_group_arn, self.quarantine.log_group_arn],
                ),
                *_failure_statements(self.failures),
                *_intent_statements(intents),
            ],
            environment={
                "STAGE": stage,
                "AUDIT_LOG_GROUP": self.log_group.log_group_name,
                "QUARANTINE_LOG_GROUP": self.quarantine.log_group_name,
                "AUDIT_FREE_TEXT": "true" if settings.audit_free_text else "false",
                # Without it, the log is not sealed.
                **({"INTENT_TABLE": intents.table_name} if intents else {}),
            },
            timeout=TIMEOUT,
            memory_mib=256,
        )
        nag.accept(
            rust_function.role,
            f"AwsSolutions-IAM5[Resource::<{_logical_id(self.failures)}.Arn>/*]",
            reason="Lambda chooses the name of each discarded batch, and creates no mapping unless the role may write to "
            "the whole failure bucket",
        )
        self.function = rust_function.function
        self.mapping = self._mapping(table=table, retry_attempts=settings.audit_retry_attempts)
        # The bucket must accept only TLS from the first object on.
        self.mapping.node.add_dependency(self.failures.policy)

    def _mapping(self, *, table: dynamodb.Table, retry_attempts: int) -> lambda_.EventSourceMapping:
        return lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.function,
            event_source_arn=table.table_stream_arn,
            # LATEST could miss records written while the mapping starts.
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            # A batch of this size fits one PutLogEvents call. There is no batching window, so a record shows up within 2 s.
            batch_size=100,
            # Records are ordered per shard. A factor above 1 would keep the order only per key, and Drain's proof needs it per
            # shard.
            parallelization_factor=1,
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            # The stream keeps records for 24 h. Both limits are below that, so that a batch that never succeeds reaches the
            # bucket with its payload while it still exists; the maximum age leaves half a day to fix and deploy.
            retry_attempts=retry_attempts,
            max_record_age=Duration.hours(12),
            # S3 receives the payload; SQS and SNS would receive only metadata.
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
        # Not emptied on deletion: what is in here never reached the audit log. A bucket that is not empty makes the
        # deletion of the stack fail until someone agrees to lose its content.
        removal_policy=RemovalPolicy.DESTROY,
    )
    nag.accept(
        bucket,
        "AwsSolutions-S1",
        reason="Only one event source mapping writes to it, and it is empty in normal operation; an alarm watches every "
        "delivery, and access logs would need a second bucket to protect and tear down",
    )
    return bucket


def _stream_statements(table: dynamodb.Table) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
            resources=[table.table_stream_arn],
        ),
        # Lambda needs it to create the mapping; the action supports no resource ("Actions, resources, and condition keys
        # for Amazon DynamoDB").
        iam.PolicyStatement(actions=["dynamodb:ListStreams"], resources=["*"]),
    ]


def _failure_statements(bucket: s3.Bucket) -> list[iam.PolicyStatement]:
    """Grants the two actions of "Retain discarded records for a DynamoDB event source in Lambda" to the function's role.

    Lambda writes only below `aws/lambda/`, but refuses to create the mapping unless `s3:PutObject` is allowed on the whole
    bucket (and so does `local/corrections/functions/mapping_destination.py`). The condition keeps records out of another
    account's bucket that took the name after ours was deleted.
    """
    ours = {"StringEquals": {"s3:ResourceAccount": Aws.ACCOUNT_ID}}
    return [
        iam.PolicyStatement(actions=["s3:PutObject"], resources=[bucket.arn_for_objects("*")], conditions=ours),
        iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn], conditions=ours),
    ]


def _intent_statements(intents: dynamodb.Table | None) -> list[iam.PolicyStatement]:
    if intents is None:
        return []
    return [iam.PolicyStatement(actions=["dynamodb:PutItem"], resources=[intents.table_arn])]


def _logical_id(construct: Construct) -> str:
    return Stack.of(construct).get_logical_id(construct.node.default_child)
