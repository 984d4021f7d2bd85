"""The one table: tasks, tombstones and idempotency records, keyed by owner."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from task_service.contract import SCHEMA


class TaskTable(Construct):
    """The table, which is deleted with the stack. `deletion_protection` protects it: the deletion then *fails*, with the reason,
    instead of leaving behind a table that no stack knows."""

    def __init__(self, scope: Construct, construct_id: str, *, deletion_protection: bool) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_text(SCHEMA["partitionKey"]),
            sort_key=_text(SCHEMA["sortKey"]),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=SCHEMA["timeToLive"],
            deletion_protection=deletion_protection,
            removal_policy=RemovalPolicy.DESTROY,
        )
        # Sparse: only tasks that have both keys of an index are in it. A local index would cap an
        # owner at 10 GB for good.
        for index in SCHEMA["indexes"]:
            self.table.add_global_secondary_index(
                index_name=index["name"],
                partition_key=_text(index["partitionKey"]),
                sort_key=_text(index["sortKey"]),
                projection_type=dynamodb.ProjectionType.ALL,
            )
        self.index_arns = [f"{self.table.table_arn}/index/{index['name']}" for index in SCHEMA["indexes"]]


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
