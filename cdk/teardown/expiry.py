"""Cost control: a schedule that starts the teardown once, at a time fixed when the stack is deployed, with a notice.

The notice is a schedule of its own that puts an event on the default bus, some hours ahead: `taskctl expiry extend`
and `cancel` change both.
The schedule stays after it has fired (ActionAfterCompletion NONE, the default; CloudFormation has no property for it),
so that `taskctl expiry show` can still say when it was, and `extend` can set it again. It goes with this stack.
Deploying again with `expiresIn` counts from that deployment; deploying without it removes the schedule.
"""

import json
from datetime import UTC, datetime, timedelta

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from teardown.contract import CONTRACT
from teardown.scope import arn
from teardown.workflow import EVENT_SOURCE


def expiry_input(service: str) -> dict[str, object]:
    """Returns the input with which the schedule starts the workflow.

    It confirms the deletion of the one service named at deploy time, and consents to nothing beyond: whoever protects
    the stack or its table later, or has records in the failure bucket, is asked again (the run ends `refused` or
    `failed`, with traffic and protection restored, and says so on the event bus). Data is backed up first, and the
    audit log stays. All fields are written out: a default that changes must not change what was agreed to."""
    defaults = {field["name"]: field.get("default") for field in CONTRACT["request"]}
    return {**defaults, "stack": service, "confirm": service}


# The type of the event that says so beforehand. Its source is that of the workflow's own events.
NOTICE_EVENT = "Teardown expires soon"


def notice_input(teardown: str, service: str, *, at: datetime, hours: int) -> dict[str, object]:
    """Returns the notice's detail: what goes and when, and the commands that change it. taskctl reads `hoursAhead` and
    writes `expiresAt` when it moves both schedules."""
    taskctl = f"taskctl --teardown-stack {teardown} expiry"
    return {
        "stack": service,
        "expiresAt": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "hoursAhead": hours,
        "extend": f"{taskctl} extend 24h",
        "cancel": f"{taskctl} cancel",
    }


def notice_at(*, now: datetime, expires_in: timedelta, hours: int) -> datetime:
    """Returns the time of the notice: so many hours ahead, or half-way where the expiry is sooner than twice that."""
    return now + expires_in - min(timedelta(hours=hours), expires_in / 2)


class Expiry(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        teardown: str,
        service: str,
        now: datetime,
        expires_in: timedelta,
        notice_hours: int,
        machine: sfn.StateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = schedule_name(teardown)
        self.notice_name = f"{self.name}-notice"
        at = now + expires_in
        bus = arn("events", "event-bus/default")
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
                "Expiry": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.state_machine_arn]),
                        iam.PolicyStatement(
                            actions=["events:PutEvents"],
                            resources=[bus],
                            conditions={
                                "StringEquals": {"events:source": EVENT_SOURCE, "events:detail-type": NOTICE_EVENT}
                            },
                        ),
                    ]
                )
            },
        )
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name=self.name,
            description=f"Removes {service} once: the expiry of {Stack.of(self).stack_name}",
            schedule_expression=_once(at),
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
        scheduler.CfnSchedule(
            self,
            "Notice",
            name=self.notice_name,
            description=f"Says on the event bus that {service} is about to be removed",
            schedule_expression=_once(notice_at(now=now, expires_in=expires_in, hours=notice_hours)),
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            state="ENABLED",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=bus,
                role_arn=self.role.role_arn,
                event_bridge_parameters=scheduler.CfnSchedule.EventBridgeParametersProperty(
                    source=EVENT_SOURCE, detail_type=NOTICE_EVENT
                ),
                input=json.dumps(notice_input(teardown, service, at=at, hours=notice_hours)),
                # Later than this, the expiry itself has said it.
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3_600, maximum_retry_attempts=185
                ),
            ),
        )


def _once(at: datetime) -> str:
    return f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})"


def schedule_name(teardown: str) -> str:
    return f"{teardown}-expiry"
