"""The one table: tasks, tombstones and idempotency records, keyed by owner."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

STATUS_INDEX = "byStatus"


class TaskTable(Construct):
    """The table is deleted with the stack. What protects it is `deletion_protection`: then its deletion *fails* with a
    reason to read, instead of leaving a table behind that no stack knows."""

    def __init__(self, scope: Construct, construct_id: str, *, deletion_protection: bool) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_text("PK"),
            sort_key=_text("SK"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expiresAt",
            deletion_protection=deletion_protection,
            removal_policy=RemovalPolicy.DESTROY,
        )
        # Sparse: only live tasks carry `statusKey`. A local index would cap an owner at 10 GB for good.
        self.table.add_global_secondary_index(
            index_name=STATUS_INDEX,
            partition_key=_text("PK"),
            sort_key=_text("statusKey"),
            projection_type=dynamodb.ProjectionType.ALL,
        )
        self.index_arn = f"{self.table.table_arn}/index/{STATUS_INDEX}"


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
