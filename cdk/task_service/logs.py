"""Log groups created by the stack, so that each has a retention.

They are deleted with it, except for the audit log, its quarantine (`audit.py`), its checkpoints and the teardown's reports
(`teardown/evidence.py`)."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from task_service.settings import Settings


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


def audit_log_group(scope: Construct, construct_id: str, *, name: str, settings: Settings) -> logs.LogGroup:
    """Makes a log group that outlives the service, unless the settings say otherwise.

    The same stage can be deployed again because the name is a literal and the policy is Retain: `cdk deploy
    --import-existing-resources` then adopts the group that is still there ("Import AWS resources into a CloudFormation stack
    automatically") instead of failing on its name.
    """
    group = log_group(
        scope,
        construct_id,
        name=name,
        retention_days=settings.audit_retention_days,
        removal_policy=RemovalPolicy.RETAIN if settings.retain_audit_log else RemovalPolicy.DESTROY,
    )
    # Guards against someone deleting it in the console: DeleteLogGroup is refused until the protection is lifted ("Protecting log
    # groups from deletion"). The teardown lifts it only with consent, and only if the group is to be deleted.
    group.node.default_child.deletion_protection_enabled = settings.audit_deletion_protection
    return group
