"""Cost control: a schedule that starts the teardown once, at a time fixed when the stack is deployed.

The schedule stays after it has fired (ActionAfterCompletion NONE, the default; CloudFormation has no property for it),
so that `taskctl expiry show` can still say when it was, and `extend` can set it again. It goes with this stack.
Deploying again with `expiresIn` counts from that deployment; deploying without it removes the schedule.
"""

import json
from datetime import UTC, datetime

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from teardown.contract import CONTRACT
from teardown.scope import arn


def expiry_input(service: str) -> dict[str, object]:
    """Returns the input with which the schedule starts the workflow.

    It confirms the deletion of the one service named at deploy time, and consents to nothing beyond: whoever protects
    the stack or its table later, or has records in the failure bucket, is asked again (the run ends `refused` or
    `failed`, with traffic and protection restored, and says so on the event bus). Data is backed up first, and the
    audit log stays. All fields are written out: a default that changes must not change what was agreed to."""
    defaults = {field["name"]: field.get("default") for field in CONTRACT["request"]}
    return {**defaults, "stack": service, "confirm": service}


class Expiry(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        teardown: str,
        service: str,
        at: datetime,
        machine: sfn.StateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = schedule_name(teardown)
        self.role = iam.Role(
            self,
            "Role",
            role_name=f"{teardown}-scheduler",
            # "Confused deputy prevention in EventBridge Scheduler": the group's ARN, not a schedule's.
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com").with_conditions(
                {
                    "ArnEquals": {"aws:SourceArn": arn("scheduler", "schedule-group/default")},
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                }
            ),
            inline_policies={
                "Start": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.state_machine_arn])
                    ]
                )
            },
        )
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name=self.name,
            description=f"Removes {service} once: the expiry of {Stack.of(self).stack_name}",
            schedule_expression=f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            state="ENABLED",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=machine.state_machine_arn,
                role_arn=self.role.role_arn,
                input=json.dumps(expiry_input(service)),
                # A day of retries where Step Functions cannot be reached: late is better than never.
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=86_400, maximum_retry_attempts=185
                ),
            ),
        )


def schedule_name(teardown: str) -> str:
    return f"{teardown}-expiry"
