"""Alarms of the workflow. They say what CloudWatch can tell by itself: how executions ended.

No metric tells that a function is frozen and no run is under way, or that an execution which is over still holds a stack's lock. Both come
from an execution that was stopped or timed out, because every other end restores and lets go; or from one whose Restore failed for hours,
which is red. So these two alarms stand for them, and no schedule looks every few minutes for what happens once in years.
"""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

_FIVE_MINUTES = Duration.minutes(5)


class Alarms(Construct):
    def __init__(
        self, scope: Construct, construct_id: str, *, teardown: str, machine: sfn.StateMachine, topic_arn: str | None
    ) -> None:
        super().__init__(scope, construct_id)
        self._teardown, self._machine = teardown, machine
        self._topic = sns.Topic.from_topic_arn(self, "Topic", topic_arn) if topic_arn else None
        self._alarm(
            "red",
            "A teardown was refused, failed, or could not prove everything: taskctl teardown report",
            self._count("ExecutionsFailed"),
        )
        self._alarm(
            "broken-off",
            "A teardown was stopped or timed out, and did not undo itself: the API may be stopped and protections off. "
            "docs/teardown.md, A stopped run",
            cloudwatch.MathExpression(
                # A sum of which a part is missing would be missing.
                expression="FILL(aborted, 0) + FILL(timed_out, 0)",
                using_metrics={
                    "aborted": self._count("ExecutionsAborted"),
                    "timed_out": self._count("ExecutionsTimedOut"),
                },
                period=_FIVE_MINUTES,
            ),
        )

    def _count(self, name: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=name,
            dimensions_map={"StateMachineArn": self._machine.state_machine_arn},
            statistic="Sum",
            period=_FIVE_MINUTES,
        )

    def _alarm(self, name: str, description: str, metric: cloudwatch.IMetric) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._teardown}-{name}",
            alarm_description=description,
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if self._topic is not None:
            alarm.add_alarm_action(actions.SnsAction(self._topic))
