"""The alarms, and the metrics they watch. Every alarm but one stays quiet without data: an idle service is a healthy one.

But where changes are written, silence of the audit log is not healthy: `audit-silent` compares the two. And the notary is never
idle: `audit-unsealed` goes off when nothing is heard of it.
"""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

_MINUTE = Duration.minutes(1)
_FIVE_MINUTES = Duration.minutes(5)
# Five of the notary's runs.
_SEAL_LAG_SECONDS = 25 * 60

# Refusals in five minutes that are a burst: one per second. Single ones are normal, and anyone can cause them.
_BURST = 300

# Parts of the lines that Lambda writes when a function times out and when its process exits (in the functions' log format, Text),
# and of a Rust panic's own line: a panic is caught and reported, so Lambda writes no line for it.
_CRASHES = ("Task timed out", "Runtime exited", "panicked at")

# By action, because the actor is TTL when it removes a live task to which someone gave an end. By actor too, because a sentinel has
# the same action whoever wrote it.
_OUT_OF_BAND = logs.FilterPattern.any(
    logs.FilterPattern.string_value("$.action", "=", "task.modified_out_of_band"),
    logs.FilterPattern.string_value("$.action", "=", "task.removed_out_of_band"),
    logs.FilterPattern.string_value("$.actor.id", "=", "unknown"),
)


class Alarms(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: str,
        api: apigateway.RestApi,
        functions: Sequence[tuple[str, lambda_.Function]],
        authorizer_log: logs.LogGroup,
        task_api_log: logs.LogGroup,
        audit_function: lambda_.Function,
        audit_mapping: lambda_.EventSourceMapping,
        audit_log: logs.LogGroup,
        quarantine: logs.LogGroup,
        table: dynamodb.Table,
        seal_lag: cloudwatch.Metric | None,
        interference: cloudwatch.Metric,
        topic_arn: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self.all: list[cloudwatch.Alarm] = []
        self._topic = sns.Topic.from_topic_arn(self, "Topic", topic_arn) if topic_arn else None
        self._watch_audit(audit_function=audit_function, mapping_id=audit_mapping.event_source_mapping_id)
        self._watch_records(audit_log=audit_log, quarantine=quarantine)
        self._watch_silence(audit_log=audit_log, table=table)
        self._alarm(
            "audit-interference",
            "Somebody changed what the audit log is written by or kept in: its stream, mapping, functions, retention or protection",
            interference,
        )
        if seal_lag:
            self._watch_seal(seal_lag)
        self._watch_service(api=api, functions=functions)
        self._watch_authorizer(authorizer_log)
        self._watch_refusals(task_api_log)

    def _watch_audit(self, *, audit_function: lambda_.Function, mapping_id: str) -> None:
        self._alarm(
            "audit-iterator-age",
            "Changes are waiting for the audit log: the consumer is blocked or too slow, and the stream keeps them for 24 h only",
            audit_function.metric("IteratorAge", statistic="Maximum", period=_MINUTE),
            threshold=60_000,
            periods=3,
        )
        # "Event source mapping metrics": a discarded batch reaches the bucket (Delivered) or is lost because the bucket
        # did not accept it (Dropped, and per function DestinationDeliveryFailures).
        for name, metric, meaning in (
            ("audit-discarded", "OnFailureDestinationDeliveredEventCount", "are in the failure bucket, not in the audit log"),
            ("audit-dropped", "DroppedEventCount", "were dropped: they are neither in the audit log nor in the failure bucket"),
        ):
            self._alarm(
                name,
                f"Changes {meaning}",
                cloudwatch.Metric(
                    namespace="AWS/Lambda",
                    metric_name=metric,
                    dimensions_map={"EventSourceMappingUUID": mapping_id},
                    statistic="Sum",
                    period=_MINUTE,
                ),
            )
        self._alarm(
            "audit-destination-failures",
            "A discarded batch could not be written to the failure bucket",
            audit_function.metric("DestinationDeliveryFailures", statistic="Sum", period=_MINUTE),
        )

    def _watch_records(self, *, audit_log: logs.LogGroup, quarantine: logs.LogGroup) -> None:
        self._alarm(
            "quarantine",
            "A change could not be decoded; it is in the quarantine log group with its payload",
            incoming_lines(quarantine, period=_MINUTE),
        )
        self.out_of_band = self._metric("OutOfBand", audit_log, _OUT_OF_BAND)
        self._alarm(
            "out-of-band",
            "Someone changed the table directly, bypassing the API: the audit log cannot say who",
            self.out_of_band.metric(statistic="Sum", period=_MINUTE),
        )

    def _watch_silence(self, *, audit_log: logs.LogGroup, table: dynamodb.Table) -> None:
        """Watches for writes to the table without a line in the audit log, whatever the reason.

        A mapping or a stream that is switched off, or a function that may not run, gives none of the other alarms a number to
        watch. DynamoDB counts the successful writes, whoever makes them, by their latency's samples; a write whose condition
        failed is not among them. A change at the very end of a period may be audited in the next, so one such period is no
        finding, and two within an hour are. A period without a write leaves the alarm as it is: alarms on metrics of DynamoDB
        ignore missing data ("Configuring how CloudWatch alarms treat missing data").
        """
        writes = {
            operation.lower(): cloudwatch.Metric(
                namespace="AWS/DynamoDB",
                metric_name="SuccessfulRequestLatency",
                dimensions_map={"TableName": table.table_name, "Operation": operation},
                statistic="SampleCount",
                period=_FIVE_MINUTES,
            )
            # Every task's life begins with the one and goes on with the other; each metric of an alarm is charged.
            for operation in ("PutItem", "UpdateItem")
        }
        self._alarm(
            "audit-silent",
            "Changes are written to the table, but no record comes into the audit log: the way there may be switched off",
            cloudwatch.MathExpression(
                expression="IF(FILL(putitem, 0) + FILL(updateitem, 0) > 0 AND FILL(records, 0) == 0, 1, 0)",
                using_metrics={**writes, "records": incoming_lines(audit_log, period=_FIVE_MINUTES)},
                period=_FIVE_MINUTES,
                label="writes without a record",
            ),
            periods=12,
            datapoints=2,
        )

    def _watch_seal(self, lag: cloudwatch.Metric) -> None:
        """Watches that minutes are sealed, which takes eight of them at most.

        A notary that is stopped, or never called, or only fails, says nothing: that counts as too late, after about half an hour,
        since CloudWatch looks back further than the alarm's periods where the newest have no data ("How alarm state is evaluated when
        data is missing"). A new stage is in alarm until the first run, five minutes after its deployment.
        """
        self._alarm(
            "audit-unsealed",
            "Records of the audit log are not sealed: until they are, whoever may write to the table of intents can alter them unseen",
            lag,
            threshold=_SEAL_LAG_SECONDS,
            periods=3,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def _watch_service(self, *, api: apigateway.RestApi, functions: Sequence[tuple[str, lambda_.Function]]) -> None:
        self._alarm(
            "api-5xx",
            "Callers receive server errors",
            # Not api.metric_server_error, which lacks the stage: other stages have alarms of their own.
            cloudwatch.Metric(
                namespace="AWS/ApiGateway",
                metric_name="5XXError",
                dimensions_map={"ApiName": f"tasks-{self._stage}", "Stage": api.deployment_stage.stage_name},
                statistic="Sum",
                period=_FIVE_MINUTES,
            ),
            threshold=5,
        )
        for name, function in functions:
            self._alarm(
                f"{name}-errors",
                f"The function {name} crashes or times out",
                function.metric_errors(statistic="Sum", period=_FIVE_MINUTES),
            )

    def _watch_authorizer(self, log: logs.LogGroup) -> None:
        """Watches the authorizer through its log.

        The authorizer refuses a token by failing, which API Gateway turns into 401 and Lambda counts as an error, so an
        alarm on its `Errors` would fire on anyone's first wrong token. The log distinguishes a crash from a refusal. The
        caller sees a crash as a 503 (AUTHORIZER_FAILURE), which `api-5xx` counts too.
        """
        self._alarm(
            "authorizer-crashes",
            "The authorizer times out, exits or panics: nobody can call the API",
            self._metric("AuthorizerCrashes", log, logs.FilterPattern.any_term(*_CRASHES)).metric(
                statistic="Sum", period=_FIVE_MINUTES
            ),
        )
        refused = logs.FilterPattern.string_value("$.message", "=", "refused a token")
        self._alarm(
            "refused-tokens",
            "Many tokens are refused: someone tries tokens, or a client keeps sending one that has ended",
            self._metric("RefusedTokens", log, refused).metric(statistic="Sum", period=_FIVE_MINUTES),
            threshold=_BURST,
        )
        # The reasons are few and ours (refusal.rs): each is a metric of its own, and is charged as one.
        self._metric(
            "RefusedTokensByReason",
            log,
            logs.FilterPattern.all(refused, logs.FilterPattern.exists("$.reason")),
            dimensions={"Reason": "$.reason"},
        )

    def refused_by_reason(self) -> cloudwatch.MathExpression:
        """Returns one line for each reason that occurred, whichever there will be."""
        search = f'{{Tasks/{self._stage},Reason}} MetricName="RefusedTokensByReason"'
        return cloudwatch.MathExpression(expression=f"SEARCH('{search}', 'Sum', 300)", label="", using_metrics={}, period=_FIVE_MINUTES)

    def _watch_refusals(self, log: logs.LogGroup) -> None:
        """Watches for callers who are known, and try what they may not (403) or go on after their token's end (401)."""
        refused = logs.FilterPattern.all(
            logs.FilterPattern.string_value("$.message", "=", "answered a request"),
            logs.FilterPattern.exists("$.reason"),
        )
        self._alarm(
            "refused-callers",
            "Many calls of known callers are refused: someone tries what their token is not for, or goes on after its end",
            self._metric("RefusedCallers", log, refused).metric(statistic="Sum", period=_FIVE_MINUTES),
            threshold=_BURST,
        )

    def _metric(
        self,
        name: str,
        log: logs.LogGroup,
        pattern: logs.IFilterPattern,
        *,
        dimensions: Mapping[str, str] | None = None,
    ) -> logs.MetricFilter:
        """Counts the matching lines of a log as a metric of the stage.

        `dimensions` are fields of the lines that the pattern names. A metric with dimensions cannot have a default value
        ("Creating metrics from log events using filters").
        """
        return logs.MetricFilter(
            self,
            f"{name}Filter",
            log_group=log,
            filter_pattern=pattern,
            metric_namespace=f"Tasks/{self._stage}",
            metric_name=name,
            metric_value="1",
            default_value=0 if dimensions is None else None,
            dimensions=dimensions,
        )

    def _alarm(
        self,
        name: str,
        description: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: int = 1,
        periods: int = 1,
        datapoints: int | None = None,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"tasks-{self._stage}-{name}",
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing,
        )
        self.all.append(alarm)
        if self._topic is not None:
            alarm.add_alarm_action(actions.SnsAction(self._topic))


def incoming_lines(group: logs.LogGroup, *, period: Duration, label: str | None = None) -> cloudwatch.Metric:
    """Returns the number of lines that CloudWatch Logs took into a group, a metric of its own without charge."""
    return cloudwatch.Metric(
        namespace="AWS/Logs",
        metric_name="IncomingLogEvents",
        dimensions_map={"LogGroupName": group.log_group_name},
        statistic="Sum",
        period=period,
        label=label,
    )
