"""The evidence, which must outlive an execution, and the reports, which must outlive the whole teardown."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from task_service.logs import log_group

_REPORTS_KEPT_DAYS = 365


class Evidence(Construct):
    """Inventories, old values to restore and locks are of use while this stack exists, and go with it. Reports stay:
    `taskctl teardown finish` removes this stack, and the account keeps the proof. The group's name is a literal and
    its policy Retain, so `cdk deploy --import-existing-resources` adopts it when this stack is deployed again."""

    def __init__(self, scope: Construct, construct_id: str, *, teardown: str, protected: bool) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            table_name=f"{teardown}-evidence",
            partition_key=dynamodb.Attribute(name="PK", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="SK", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=RemovalPolicy.DESTROY,
            # It holds what a frozen service was like before. `taskctl teardown finish` lifts it, once nothing is remembered.
            deletion_protection=protected,
        )
        self.reports = log_group(
            self,
            "Reports",
            name=f"/{teardown}/report",
            retention_days=_REPORTS_KEPT_DAYS,
            removal_policy=RemovalPolicy.RETAIN,
        )
