"""A state machine: a definition with its placeholders filled, and a role for it."""

import json

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from task_service.logs import log_group
from teardown.contract import CONTRACT
from teardown.grants import Grant, accept_patterns, statements
from teardown.scope import arn

# The machine's words on the event bus.
EVENT_SOURCE: str = CONTRACT["events"]["source"]
EVENT_TYPES: tuple[str, ...] = tuple(CONTRACT["events"]["types"])

_LOG_RETENTION_DAYS = 90


class Workflow(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        definition: str,
        step: lambda_.Version,
    ) -> None:
        super().__init__(scope, construct_id)
        # Under /aws/vendedlogs, as AWS asks: the resource policy that lets Step Functions write has a limit of 5,120
        # characters, which other prefixes use up by one entry per group.
        self.log_group = log_group(
            self, "Logs", name=f"/aws/vendedlogs/states/{name}", retention_days=_LOG_RETENTION_DAYS
        )
        role = self._role(name=name, step=step, events=_events(definition))
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type=sfn.StateMachineType.STANDARD,
            # In the template, not as a file in the bootstrap's bucket: the machine that removes a stack without its
            # bootstrap must not need the bootstrap to be read, checked (cfn-lint) or deployed as a template.
            definition_body=sfn.DefinitionBody.from_string(definition),
            definition_substitutions={"Partition": Aws.PARTITION, "StepFunctionArn": step.function_arn},
            # CDK adds permissions behind one's back: the role here is final.
            role=role.without_policy_updates(),
            # Every state, but not what it carried: inputs and outputs name resources, and the report has them.
            logs=sfn.LogOptions(destination=self.log_group, level=sfn.LogLevel.ALL, include_execution_data=False),
            tracing_enabled=True,
        )
        # The machine's creation is refused while its role cannot write its log.
        self.machine.node.add_dependency(role)

    def _role(self, *, name: str, step: lambda_.Version, events: list[str]) -> iam.Role:
        machine_arn = arn("states", f"stateMachine:{name}")
        grants = [
            Grant(
                actions=("lambda:InvokeFunction",),
                resources=[f"{step.lambda_.function_arn}:*"],
                why="The step function in any version: an execution goes on with the one that it began with",
            ),
            Grant(
                actions=("events:PutEvents",),
                resources=[arn("events", "event-bus/default")],
                # The bus takes anything from anyone who may put; this role speaks for the teardown alone.
                conditions={"StringEquals": {"events:source": EVENT_SOURCE, "events:detail-type": events}},
                why="The default event bus",
            ),
            # "Using CloudWatch Logs to log execution history in Step Functions": the log deliveries and resource
            # policies of the account have no ARN that these actions take.
            Grant(
                actions=(
                    "logs:CreateLogDelivery",
                    "logs:DeleteLogDelivery",
                    "logs:DescribeLogGroups",
                    "logs:DescribeResourcePolicies",
                    "logs:GetLogDelivery",
                    "logs:ListLogDeliveries",
                    "logs:PutResourcePolicy",
                    "logs:UpdateLogDelivery",
                ),
                resources=["*"],
                why="Step Functions sets up its log delivery with these actions, which take no resource in IAM (the "
                "policy is the one its guide gives)",
            ),
            # "X-Ray and Step Functions", the policy its guide gives.
            Grant(
                actions=(
                    "xray:GetSamplingRules",
                    "xray:GetSamplingTargets",
                    "xray:PutTelemetryRecords",
                    "xray:PutTraceSegments",
                ),
                resources=["*"],
                why="X-Ray's actions for tracing take no resource in IAM",
            ),
        ]
        role = iam.Role(
            self,
            "Role",
            # "Preventing cross-service confused deputy issues in Step Functions"; by name, because the machine itself
            # depends on its role.
            assumed_by=iam.ServicePrincipal("states.amazonaws.com").with_conditions(
                {"ArnEquals": {"aws:SourceArn": machine_arn}, "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            inline_policies={"Machine": iam.PolicyDocument(statements=statements(grants))},
        )
        accept_patterns(role, grants)
        return role


def _events(definition: str) -> list[str]:
    """Returns the types of the events that a machine puts on the bus."""
    tasks = [state for state in json.loads(definition)["States"].values() if ":events:putEvents" in state.get("Resource", "")]
    put = {entry["DetailType"] for task in tasks for entry in task["Arguments"]["Entries"]}
    return [event for event in EVENT_TYPES if event in put]
