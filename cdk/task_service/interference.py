"""The rule that hears of calls which could silence, shorten or remove the audit log (docs/decisions/0032).

CloudTrail tells EventBridge of them, whoever made them, if a trail of the account records management events.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

Values = Sequence[str | Mapping[str, str]]


class Interference(Construct):
    """Has no target: what an alarm watches is that the rule matched."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: str,
        log_groups: Sequence[logs.LogGroup],
        functions: Sequence[lambda_.Function],
        tables: Sequence[dynamodb.Table],
        mapping: lambda_.EventSourceMapping,
    ) -> None:
        super().__init__(scope, construct_id)
        groups = [group.log_group_name for group in log_groups]
        functions_called = _named([function.function_name for function in functions], before=":")
        of_mapping = ("DeleteEventSourceMapping", "UpdateEventSourceMapping")
        rule = events.Rule(
            self,
            "Rule",
            rule_name=f"tasks-{stage}-audit-interference",
            description="Hears of calls that could silence, shorten or remove the audit log",
            event_pattern=events.EventPattern(
                detail_type=["AWS API Call via CloudTrail"],
                source=["aws.dynamodb", "aws.lambda", "aws.logs"],
                # Nobody is left out, neither CloudFormation nor the teardown: they act for whoever calls them.
                detail={
                    "$or": [
                        _calls("DeleteLogGroup", "DeleteLogStream", "PutRetentionPolicy", logGroupName=groups),
                        _calls("PutLogGroupDeletionProtection", logGroupIdentifier=_named(groups, before=":")),
                        # No page of Lambda's shows the name that CloudTrail gives to this parameter.
                        _dated_calls(*of_mapping, uUID=[mapping.event_source_mapping_id]),
                        _dated_calls(*of_mapping, uuid=[mapping.event_source_mapping_id]),
                        _dated_calls("PutFunctionConcurrency", functionName=functions_called),
                        _calls("UpdateTable", tableName=_named([table.table_name for table in tables], before="/")),
                    ]
                },
            ),
        )
        self.calls = cloudwatch.Metric(
            namespace="AWS/Events",
            metric_name="TriggeredRules",
            dimensions_map={"RuleName": rule.rule_name},
            statistic="Sum",
            # Its points come late at times, so a longer period than that of other metrics.
            period=Duration.minutes(5),
        )


def _named(names: Sequence[str], *, before: str) -> Values:
    """Matches what has one of the names, by its name or its ARN, in which `before` stands before the name."""
    return [*names, *({"suffix": f"{before}{name}"} for name in names)]


def _calls(*names: str, **parameters: Values) -> Mapping[str, Any]:
    return {"eventName": list(names), "requestParameters": parameters}


def _dated_calls(*names: str, **parameters: Values) -> Mapping[str, Any]:
    """Matches calls of Lambda, of which CloudTrail writes the date of the API behind the name."""
    return {"eventName": [{"prefix": name} for name in names], "requestParameters": parameters}
