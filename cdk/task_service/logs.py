"""Log groups created by the stack, so that each has a retention.

They are deleted with it, except for the audit log (`audit.py`) and the teardown's reports (`teardown/evidence.py`)."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    retention_days: int,
    removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
) -> logs.LogGroup:
    group = logs.LogGroup(scope, construct_id, log_group_name=name, removal_policy=removal_policy)
    # The L2 construct takes an enum where CloudFormation and our settings use a number of days.
    group.node.default_child.add_property_override("RetentionInDays", retention_days)
    return group
