"""The seal of the audit log: what the audit function announces, and the notary that signs for it (docs/decisions/0030, 0031)."""

from collections.abc import Sequence

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from task_service import nag
from task_service.audit import TIMEOUT as AUDIT_TIMEOUT
from task_service.functions import RustFunction
from task_service.logs import audit_log_group
from task_service.settings import SealSettings, Settings

EVERY = Duration.minutes(5)
# The folders of the bucket (functions/seal, functions/notary).
_FOLDERS = ("checkpoints", "keys", "manifests")
# Without `kms:Sign`, which only the notary has: whoever administers keys can read this one's public half and end its life.
_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:GetPublicKey",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:Verify",
)


class AuditSeal(Construct):
    """The table of intents goes with the stack. Bucket, key and the copies of the checkpoints outlive it, as the audit log does."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        seal: SealSettings,
    ) -> None:
        super().__init__(scope, construct_id)
        stage = settings.stage
        self.intents = _intents(self, deletion_protection=settings.deletion_protection)
        self.bucket = _bucket(self, seal)
        self.key = _key(self, stage=stage)
        # As long as the audit log, and adopted at the next deployment as that is.
        self.checkpoints = audit_log_group(self, "Checkpoints", name=f"/tasks/{stage}/checkpoints", settings=settings)
        # A bucket begins a log of checkpoints, so it names it: two logs of one stage cannot be taken for each other.
        self.origin = f"tasks/{stage}/audit/{self.bucket.bucket_name}"
        notary = RustFunction(
            self,
            "Notary",
            name=f"tasks-{stage}-notary",
            binary="notary",
            description="Seals the audit log with signed checkpoints",
            assets=settings.assets,
            architecture=settings.architecture,
            log_group_name=f"/tasks/{stage}/notary",
            log_retention_days=settings.log_retention_days,
            statements=self._statements(),
            environment={
                "METRIC_NAMESPACE": f"Tasks/{stage}",
                "ORIGIN": self.origin,
                "KEY_IDS": self.key.attr_arn,
                "AUDIT_TIMEOUT_SECONDS": str(AUDIT_TIMEOUT.to_seconds()),
                "INTENT_TABLE": self.intents.table_name,
                "SEAL_BUCKET": self.bucket.bucket_name,
                "CHECKPOINT_LOG_GROUP": self.checkpoints.log_group_name,
            },
            # A run makes eight checkpoints at most, and asks for each of their minutes.
            timeout=Duration.seconds(120),
            memory_mib=256,
        )
        for folder in _FOLDERS:
            nag.accept(
                notary.role,
                f"AwsSolutions-IAM5[Resource::<{_logical_id(self.bucket)}.Arn>/{folder}/*]",
                reason="Checkpoints and manifests are numbered one after the other, and keys named by their ids",
            )
        self.function = notary.function
        # The notary's own figure (functions/notary/src/metrics.rs), of which a failed run has none.
        self.lag = cloudwatch.Metric(
            namespace=f"Tasks/{stage}", metric_name="SealLagSeconds", statistic="Maximum", period=EVERY
        )
        # Two notaries at once are safe, so a slow run needs no guard against the next.
        events.Rule(
            self,
            "Schedule",
            rule_name=f"tasks-{stage}-notary",
            description="Lets the notary seal the audit log",
            schedule=events.Schedule.rate(EVERY),
            targets=[targets.LambdaFunction(self.function)],
        )

    def outputs(self) -> dict[str, str]:
        return {
            "IntentTable": self.intents.table_name,
            "SealBucket": self.bucket.bucket_name,
            "SealKeys": self.key.attr_arn,
            "SealOrigin": self.origin,
            "CheckpointLogGroup": self.checkpoints.log_group_name,
            "NotaryFunction": self.function.function_name,
        }

    def _statements(self) -> Sequence[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(actions=["dynamodb:Query"], resources=[self.intents.table_arn]),
            iam.PolicyStatement(actions=["kms:GetPublicKey", "kms:Sign"], resources=[self.key.attr_arn]),
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self.bucket.bucket_arn]),
            iam.PolicyStatement(
                actions=["s3:GetObject", "s3:PutObject"],
                resources=[self.bucket.arn_for_objects(f"{folder}/*") for folder in _FOLDERS],
            ),
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[self.checkpoints.log_group_arn]
            ),
        ]


def _intents(scope: Construct, *, deletion_protection: bool) -> dynamodb.Table:
    # The keys and the attribute of functions/seal/src/intent.rs.
    table = dynamodb.Table(
        scope,
        "Intents",
        partition_key=dynamodb.Attribute(name="PK", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="SK", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        time_to_live_attribute="ttl",
        deletion_protection=deletion_protection,
        removal_policy=RemovalPolicy.DESTROY,
    )
    nag.accept(
        table,
        "AwsSolutions-DDB3",
        reason="An intent is sealed within minutes, and what is sealed is in the bucket; a table restored to an earlier second "
        "would say nothing that the checkpoints do not",
    )
    return table


def _bucket(scope: Construct, settings: SealSettings) -> s3.Bucket:
    duration = Duration.days(settings.retention_days)
    locks = {"compliance": s3.ObjectLockRetention.compliance, "governance": s3.ObjectLockRetention.governance}
    bucket = s3.Bucket(
        scope,
        "Bucket",
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        object_lock_enabled=True,
        object_lock_default_retention=locks[settings.lock](duration),
        removal_policy=RemovalPolicy.RETAIN,
    )
    # It guards what stays.
    bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN)
    nag.accept(
        bucket,
        "AwsSolutions-S1",
        reason="Only the notary writes to it, each object once, and no version can be removed before its time; access logs would "
        "need a second bucket to protect and tear down",
    )
    return bucket


def _key(scope: Construct, *, stage: str) -> kms.CfnKey:
    """Returns the key. `kms.Key` knows no Ed25519 yet."""
    account = iam.AccountRootPrincipal()
    # Not the role itself, which depends on the key. CloudFormation gives its name a random end.
    notary = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/tasks-{stage}-SealNotaryRole*"
    policy = iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(sid="Administration", principals=[account], actions=list(_ADMINISTRATION), resources=["*"]),
            iam.PolicyStatement(
                sid="Notary",
                principals=[account],
                actions=["kms:Sign"],
                resources=["*"],
                conditions={"ArnLike": {"aws:PrincipalArn": notary}},
            ),
        ]
    )
    key = kms.CfnKey(
        scope,
        "Key",
        description=f"Signs the checkpoints of the audit log of tasks-{stage}",
        key_spec="ECC_NIST_EDWARDS25519",
        key_usage="SIGN_VERIFY",
        key_policy=policy,
        # Should somebody schedule its deletion: the longest time to notice.
        pending_window_in_days=30,
    )
    key.apply_removal_policy(RemovalPolicy.RETAIN)
    return key


def _logical_id(construct: Construct) -> str:
    return Stack.of(construct).get_logical_id(construct.node.default_child)
