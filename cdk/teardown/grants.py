"""Permissions with their reason: a pattern in a grant becomes an accepted cdk-nag finding with that reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import IConstruct

from task_service import nag
from teardown.scope import arn


@dataclass(frozen=True, kw_only=True)
class Grant:
    actions: Sequence[str]
    resources: Sequence[str]
    why: str
    """Why the resources cannot be named more narrowly; for the reader where they can."""
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def statement(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=list(self.actions), resources=list(self.resources), conditions=dict(self.conditions)
        )


def describe_alarms() -> Grant:
    return Grant(
        actions=("cloudwatch:DescribeAlarms",),
        resources=[arn("cloudwatch", "alarm:*")],
        why="The call lists alarms: whatever names it gives, AWS checks it against all of the account's",
    )


def describe_log_groups() -> Grant:
    # The Service Authorization Reference gives it no resource type, so nothing but "*" is sure to match. (Answers have
    # been seen that name "…:log-group::log-stream:", whatever prefix was asked for.)
    return Grant(
        actions=("logs:DescribeLogGroups",),
        resources=["*"],
        why="logs:DescribeLogGroups takes no resource in IAM; it only lists names and sizes",
    )


def list_what_has_no_resource() -> Grant:
    """Grants the lists in which the step function looks for what it must show absent, in one statement: a role's policies have a limit."""
    return Grant(
        actions=("cloudwatch:ListDashboards", "logs:DescribeLogGroups", "logs:DescribeQueryDefinitions"),
        resources=["*"],
        why="cloudwatch:ListDashboards, logs:DescribeLogGroups and logs:DescribeQueryDefinitions take no resource in IAM; they only list names",
    )


def statements(grants: Sequence[Grant]) -> list[iam.PolicyStatement]:
    return [grant.statement() for grant in grants]


def accept_patterns(construct: IConstruct, grants: Sequence[Grant]) -> None:
    """Each pattern is acknowledged by itself: a new one elsewhere is a finding again."""
    reasons: dict[str, list[str]] = {}
    for grant in grants:
        for resource in grant.resources:
            if "*" in resource:
                said = reasons.setdefault(_as_nag_writes(construct, resource), [])
                said.extend([grant.why] if grant.why not in said else [])
    for resource, why in reasons.items():
        nag.accept(construct, f"AwsSolutions-IAM5[Resource::{resource}]", reason="; ".join(why))


def _as_nag_writes(construct: IConstruct, resource: str) -> str:
    """cdk-nag names a finding by the resource with `<AWS::Region>` and `<LogicalId.Arn>` for what CDK knows later."""
    resolved = Stack.of(construct).resolve(resource)
    if isinstance(resolved, str):
        return resolved
    parts = resolved["Fn::Join"][1] if "Fn::Join" in resolved else [resolved]
    return "".join(part if isinstance(part, str) else f"<{_reference(part)}>" for part in parts)


def _reference(part: Mapping[str, Any]) -> str:
    return part["Ref"] if "Ref" in part else ".".join(part["Fn::GetAtt"])
