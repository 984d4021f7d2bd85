"""Policies for people and pipelines: one that may plan, one that may start, one that may see a run through."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from teardown.expiry import Expiry
from teardown.grants import Grant, accept_patterns, statements
from teardown.scope import INTENTS, TABLE, Scope, arn


class Access(Construct):
    """Attached to nobody. Whoever only plans needs the planner, and cannot start a deletion with it. A pipeline that starts a
    teardown needs the starter alone; taskctl needs the operator too, because it plans and watches what it starts. Given to
    different people, they make the approval somebody else's. `taskctl teardown finish` deletes this stack with what its caller
    may do anyway: no policy of this stack could outlive that.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        teardown: str,
        service_scope: Scope,
        machine: sfn.StateMachine,
        planning: sfn.StateMachine,
        reports: logs.LogGroup,
        expiry: Expiry | None,
    ) -> None:
        super().__init__(scope, construct_id)
        plan_grants = _plan_grants(service_scope, teardown=teardown, planning=planning, reports=reports)
        self.planner = self._policy(
            "Planner",
            name=f"{teardown}-planner",
            description="Plans a teardown, and cannot start one",
            grants=[
                *plan_grants,
                Grant(actions=("cloudformation:DescribeStacks",), resources=_own_stack(teardown), why=_STACK_IDS),
            ],
        )
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
                *plan_grants,
                *_stack_grants(service_scope, teardown=teardown),
                *_run_grants(teardown=teardown, machine=machine),
                *(_expiry_grants(expiry) if expiry else []),
            ],
        )

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


_STACK_IDS = "A stack's ARN ends in a random id; the name before it is exact"


def _own_stack(teardown: str) -> list[str]:
    return [arn("cloudformation", f"stack/{teardown}/*")]


def _plan_grants(scope: Scope, *, teardown: str, planning: sfn.StateMachine, reports: logs.LogGroup) -> list[Grant]:
    return [
        Grant(
            actions=("states:StartExecution",),
            resources=[planning.state_machine_arn],
            why="The machine that can do nothing but plan",
        ),
        Grant(
            actions=("states:DescribeExecution", "states:GetExecutionHistory"),
            resources=[arn("states", f"execution:{teardown}-plan:*")],
            why="Executions are named when they start; only plans are meant",
        ),
        Grant(
            actions=("logs:FilterLogEvents",),
            resources=[reports.log_group_arn],
            why="A log group's ARN is checked with an ending for its streams; the group itself is named",
        ),
        Grant(
            actions=("dynamodb:DescribeTable",),
            resources=scope.tables(TABLE, INTENTS),
            why="A plan says how much is in the tables that go. CloudFormation ends their names in random letters",
        ),
    ]


def _run_grants(*, teardown: str, machine: sfn.StateMachine) -> list[Grant]:
    return [
        Grant(
            actions=("states:DescribeStateMachine", "states:ListExecutions"),
            resources=[machine.state_machine_arn],
            why="The one machine",
        ),
        Grant(
            actions=("states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"),
            resources=[arn("states", f"execution:{teardown}:*")],
            why="Executions are named when they start; only this machine's are meant",
        ),
        # "Actions, resources, and condition keys for AWS Step Functions": no resource type and no condition key, so a
        # condition would deny for ever.
        Grant(
            actions=("states:SendTaskFailure", "states:SendTaskSuccess"),
            resources=["*"],
            why="states:SendTaskSuccess and states:SendTaskFailure take no resource and no condition key in IAM; a call "
            "needs a token that nobody can guess and only the run's history and event show",
        ),
    ]


def _stack_grants(scope: Scope, *, teardown: str) -> list[Grant]:
    """The teardown stack's outputs say where everything is; the service stack's events are shown while it goes."""
    own = _own_stack(teardown)
    return [
        Grant(actions=("cloudformation:GetTemplate",), resources=own, why=_STACK_IDS),
        Grant(actions=("cloudformation:DescribeStackEvents",), resources=scope.stacks(), why=_STACK_IDS),
        Grant(actions=("cloudformation:DescribeStacks",), resources=[*own, *scope.stacks()], why=_STACK_IDS),
    ]


def _expiry_grants(expiry: Expiry) -> list[Grant]:
    """`taskctl expiry show|extend|cancel`: UpdateSchedule writes the whole schedule, so it passes the role again.

    Cancelling disables the schedule. Deleted, it would be missing at the next deployment: CloudFormation updates what
    it believes to be there, and fails."""
    return [
        Grant(
            actions=("scheduler:GetSchedule", "scheduler:UpdateSchedule"),
            resources=[
                arn("scheduler", f"schedule/default/{expiry.name}"),
                arn("scheduler", f"schedule/default/{expiry.notice_name}"),
            ],
            why="The one schedule, and that of its notice",
        ),
        Grant(
            actions=("iam:PassRole",),
            resources=[expiry.role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
            why="The schedules' own role, to the scheduler",
        ),
    ]
