"""A function of the workflow: the one binary, with the surroundings that it reads in its environment."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from task_service.functions import RustFunction
from teardown.contract import LIMITS
from teardown.executor import DELETE_ACTIONS
from teardown.grants import Grant, statements
from teardown.scope import Scope
from teardown.settings import BINARY, TeardownSettings

_LOG_RETENTION_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    settings: TeardownSettings
    service_scope: Scope
    executor: iam.Role
    powerless: iam.Role
    evidence: dynamodb.Table
    reports: logs.LogGroup

    def environment(self) -> dict[str, str]:
        return {
            "EVIDENCE_TABLE": self.evidence.table_name,
            "REPORT_LOG_GROUP": self.reports.log_group_name,
            "EXECUTOR_ROLE_ARN": self.executor.role_arn,
            "POWERLESS_ROLE_ARN": self.powerless.role_arn,
            "KINDS": ",".join(DELETE_ACTIONS),
            "SERVICES": ",".join(self.settings.services),
            "TEARDOWN_STACK": self.settings.teardown,
            "DRAIN_SECONDS": str(self.settings.drain_seconds),
            "WATCH_SECONDS": str(self.settings.watch_seconds),
        }


def function_of(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    description: str,
    log_group_name: str,
    surroundings: Surroundings,
    grants: Sequence[Grant],
    managed_policies: Sequence[iam.IManagedPolicy] = (),
) -> RustFunction:
    return RustFunction(
        scope,
        construct_id,
        name=name,
        binary=BINARY,
        description=description,
        assets=surroundings.settings.assets,
        architecture=surroundings.settings.architecture,
        log_group_name=log_group_name,
        log_retention_days=_LOG_RETENTION_DAYS,
        statements=statements(grants),
        environment=surroundings.environment(),
        # A step returns and is called again where it has to wait. Draining works longest, for `callSeconds` and one
        # call of AWS.
        timeout=Duration.seconds(LIMITS["functionSeconds"]),
        memory_mib=256,
        managed_policies=managed_policies,
    )
