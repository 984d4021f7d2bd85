"""Policies for people and pipelines: one that may start, one that may see a run through."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from teardown.expiry import Expiry
from teardown.grants import Grant, accept_patterns, statements
from teardown.scope import arn


class Access(Construct):
    """Attached to nobody. Whoever starts a teardown needs the starter alone; approving one's own start takes both, so
    giving them to different people makes the approval somebody else's."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        teardown: str,
        machine: sfn.StateMachine,
        reports: logs.LogGroup,
        expiry: Expiry | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.starter = self._policy(
            "Starter",
            name=f"{teardown}-starter",
            description="Starts the teardown workflow, and nothing else",
            grants=[
                Grant(actions=("states:StartExecution",), resources=[machine.state_machine_arn], why="The one machine")
            ],
        )
        self.operator = self._policy(
            "Operator",
            name=f"{teardown}-operator",
            description="Watches, approves and stops teardown runs, reads their reports",
            grants=[
                *self._run_grants(teardown=teardown, machine=machine, reports=reports),
                *(_expiry_grants(expiry) if expiry else []),
            ],
        )

    def _run_grants(self, *, teardown: str, machine: sfn.StateMachine, reports: logs.LogGroup) -> list[Grant]:
        executions = arn("states", f"execution:{teardown}:*")
        return [
            Grant(actions=("states:ListExecutions",), resources=[machine.state_machine_arn], why="The one machine"),
            Grant(
                actions=("states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"),
                resources=[executions],
                why="Executions are named when they start; only this machine's are meant",
            ),
            # The Service Authorization Reference gives these no resource type. The request is checked against the
            # tags of the machine whose token it is.
            Grant(
                actions=("states:SendTaskFailure", "states:SendTaskSuccess"),
                resources=["*"],
                conditions={"StringEquals": {"aws:ResourceTag/aws:cloudformation:stack-id": Stack.of(self).stack_id}},
                why="states:SendTaskSuccess and states:SendTaskFailure take no resource in IAM; the condition names "
                "this stack's machine, and only its history shows the token",
            ),
            Grant(
                actions=("logs:FilterLogEvents",),
                resources=[reports.log_group_arn],
                why="A log group's ARN is checked with an ending for its streams; the group itself is named",
            ),
        ]

    def _policy(self, construct_id: str, *, name: str, description: str, grants: list[Grant]) -> iam.ManagedPolicy:
        policy = iam.ManagedPolicy(
            self,
            construct_id,
            managed_policy_name=name,
            description=description,
            statements=statements(grants),
        )
        accept_patterns(policy, grants)
        return policy


def _expiry_grants(expiry: Expiry) -> list[Grant]:
    """`taskctl expiry show|extend|cancel`: UpdateSchedule writes the whole schedule, so it passes the role again."""
    return [
        Grant(
            actions=("scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"),
            resources=[arn("scheduler", f"schedule/default/{expiry.name}")],
            why="The one schedule",
        ),
        Grant(
            actions=("iam:PassRole",),
            resources=[expiry.role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
            why="The schedule's own role, to the scheduler",
        ),
    ]
