"""The dashboard: what changed, how late it was audited, what was refused, and how the API and the table do.

All but three metrics are what AWS measures anyway. Changes by action come from a query of the audit log, which is paid by the data that it
reads when somebody looks; a metric per action would be paid by the month, and count a redelivered record twice.
"""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from task_service.alarms import Alarms, incoming_lines

_FIVE_MINUTES = Duration.minutes(5)
_HALF, _HEIGHT = 12, 6

CHANGES_BY_ACTION = """filter ispresent(task.id)
| stats count_distinct(eventId) as changes by action
| sort changes desc"""


class Dashboard(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: str,
        api: apigateway.RestApi,
        functions: Sequence[tuple[str, lambda_.Function]],
        audit_function: lambda_.Function,
        audit_log: logs.LogGroup,
        quarantine: logs.LogGroup,
        table: dynamodb.Table,
        seal_lag: cloudwatch.Metric | None,
        alarms: Alarms,
    ) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"tasks-{stage}",
            default_interval=Duration.hours(6),
            widgets=[
                [
                    cloudwatch.AlarmStatusWidget(
                        title="Alarms",
                        alarms=alarms.all,
                        sort_by=cloudwatch.AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
                        width=_HALF,
                        height=_HEIGHT,
                    ),
                    cloudwatch.LogQueryWidget(
                        title="Changes by action",
                        log_group_names=[audit_log.log_group_name],
                        query_string=CHANGES_BY_ACTION,
                        view=cloudwatch.LogQueryVisualizationType.TABLE,
                        width=_HALF,
                        height=_HEIGHT,
                    ),
                ],
                [
                    # Lambda's age of a batch's last record when the function gets it, which is nearly all of the delay.
                    _graph(
                        "Changes wait for the audit log",
                        *_percentiles(audit_function.metric("IteratorAge", period=_FIVE_MINUTES)),
                    ),
                    _graph(
                        "Records in the audit log, in quarantine, out of band",
                        incoming_lines(audit_log, period=_FIVE_MINUTES, label="audit log"),
                        incoming_lines(quarantine, period=_FIVE_MINUTES, label="quarantine"),
                        alarms.out_of_band.metric(statistic="Sum", period=_FIVE_MINUTES, label="out of band"),
                    ),
                ],
                [
                    _graph("Refused tokens by reason", alarms.refused_by_reason()),
                    _graph("API", *(self._api(api, name, "Sum") for name in ("Count", "4XXError", "5XXError"))),
                ],
                [
                    _graph("API latency", *_percentiles(self._api(api, "Latency", "p50"))),
                    _graph(
                        "Functions' errors",
                        *(
                            one.metric_errors(statistic="Sum", period=_FIVE_MINUTES, label=name)
                            for name, one in functions
                        ),
                    ),
                ],
                [
                    _graph(
                        "Table capacity",
                        *(
                            table.metric(
                                f"Consumed{kind}CapacityUnits", statistic="Sum", period=_FIVE_MINUTES, label=kind.lower()
                            )
                            for kind in ("Read", "Write")
                        ),
                    ),
                    *([_graph("Age of what is not sealed", seal_lag.with_(label="seconds"))] if seal_lag else []),
                ],
            ],
        )

    def _api(self, api: apigateway.RestApi, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={"ApiName": f"tasks-{self._stage}", "Stage": api.deployment_stage.stage_name},
            statistic=statistic,
            period=_FIVE_MINUTES,
            label=name,
        )


def _percentiles(metric: cloudwatch.Metric) -> list[cloudwatch.Metric]:
    return [metric.with_(statistic=statistic, label=statistic) for statistic in ("p50", "p99")]


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=_HALF, height=_HEIGHT)
