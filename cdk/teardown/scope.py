"""The things of the service stacks: their names as ARN patterns, as narrow as CloudFormation's naming allows.

Functions, alarms, dashboards, rules and log groups have names of ours. The tables, the buckets and the roles are named by CloudFormation,
`<stack>-<logical id>-<random>`; REST APIs, user pools and stream mappings have ids that say nothing.
"""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Aws

from task_service.settings import BINARIES
from teardown.contract import NAMES

# Logical ids of the service stack, without CDK's hash. A test finds them in its template.
TABLE = "TasksTable"
INTENTS = "SealIntents"
BUCKET = "AuditFailures"
SEAL_BUCKET = "SealBucket"
ROLES = ("TaskApiRole", "AuthorizerRole", "DocsRole", "AuditConsumerRole", "SealNotaryRole")


class Scope:
    def __init__(self, services: Sequence[str]) -> None:
        self.services = list(services)
        self.stages = [name.removeprefix(NAMES["stackPrefix"]) for name in services]

    def stacks(self) -> list[str]:
        return [arn("cloudformation", f"stack/{name}/*") for name in self.services]

    def functions(self, name: str = "*") -> list[str]:
        return [arn("lambda", f"function:{service}-{name}") for service in self.services]

    def alarms(self) -> list[str]:
        return [arn("cloudwatch", f"alarm:{service}-*") for service in self.services]

    def dashboards(self) -> list[str]:
        """Dashboards belong to no region. Each has the name of its stack."""
        return [arn("cloudwatch", f"dashboard/{service}", region="") for service in self.services]

    def rules(self) -> list[str]:
        return [arn("events", f"rule/{service}-{name}") for service in self.services for name in ("notary", "audit-interference")]

    def user_pools(self) -> list[str]:
        """Their ids are random: `not_of_another_stack` has to stand beside this."""
        return [arn("cognito-idp", "userpool/*")]

    # CloudFormation puts no tag of its own on tables and roles (`tagging.cloudFormationSystemTags` of their schemas), and
    # S3 looks at a bucket's tags only where somebody switched that on for the bucket. So no condition on a tag could tell
    # tasks-dev-* from what the stack tasks-dev-blue made: the logical id has to stand in the pattern.

    def roles(self, *logical_ids: str) -> list[str]:
        return [
            arn("iam", f"role/{service}-{logical_id}*", region="")
            for service in self.services
            for logical_id in logical_ids or ROLES
        ]

    def tables(self, *logical_ids: str) -> list[str]:
        """A table's streams and backups have ARNs below its own; `*` covers those too."""
        return [arn("dynamodb", f"table/{service}-{logical_id}*") for service in self.services for logical_id in logical_ids]

    def buckets(self, *logical_ids: str, below: str = "") -> list[str]:
        """CloudFormation writes a bucket's name in lower case."""
        return [
            _join("s3", "", "", f"{service}-{logical_id.lower()}*{below}")
            for service in self.services
            for logical_id in logical_ids
        ]

    def audit_logs(self) -> list[str]:
        # With and without what follows the name: "log-group" and "log-stream" actions write the ARN differently.
        return [arn("logs", f"log-group:/tasks/{stage}/audit{end}") for stage in self.stages for end in ("", ":*")]

    def quarantines(self) -> list[str]:
        return [arn("logs", f"log-group:/tasks/{stage}/quarantine:*") for stage in self.stages]

    def log_groups(self) -> list[str]:
        """The service's own; `/tasks/<stage>/*` covers a `:*` behind the name, the last pattern needs both."""
        own = [arn("logs", f"log-group:/tasks/{stage}/*") for stage in self.stages]
        return own + [
            arn("logs", f"log-group:API-Gateway-Execution-Logs_*/{stage}{end}")
            for stage in self.stages
            for end in ("", ":*")
        ]

    def lambda_log_groups(self) -> list[str]:
        """The groups that Lambda makes for a function whose own group is gone. They have no tags, so the function is named."""
        return [
            arn("logs", f"log-group:/aws/lambda/{service}-{binary}*")
            for service in self.services
            for binary in BINARIES
        ]

    def not_of_another_stack(self) -> dict[str, Any]:
        """CloudFormation tags alarms, functions, log groups, user pools and REST APIs with the stack's name, and nobody else can write
        such a tag. So a pattern that fits a neighbour too (tasks-dev-* and the stack tasks-dev-blue) does not reach it.

        The workflow depends on IfExists: a resource removed by hand no longer has a tag, and must be answered
        with "not found", which CloudFormation takes for deleted, not with AccessDenied, on which it stops."""
        return {"StringEqualsIfExists": {"aws:ResourceTag/aws:cloudformation:stack-name": self.services}}

    def api_not_of_another_stack(self) -> dict[str, Any]:
        """REST APIs have random ids: the name and the tag tell ours from others. The name is in the request's context
        only while an API itself is updated or deleted ("Actions, resources, and condition keys for Amazon API Gateway
        Management"). Methods, stages and the like inherit the API's tags ("API Gateway resources that can be tagged")."""
        return {
            "StringEqualsIfExists": {
                "apigateway:Resource/ApiName": self.services,
                "aws:ResourceTag/aws:cloudformation:stack-name": self.services,
            }
        }

    def mapping_of_a_function(self) -> dict[str, Any]:
        """A stream mapping's id is random; its function is ours. IfExists: see `not_of_another_stack`."""
        return {"ArnLikeIfExists": {"lambda:FunctionArn": self.functions()}}


def arn(service: str, resource: str, *, region: str = Aws.REGION, account: str = Aws.ACCOUNT_ID) -> str:
    return _join(service, region, account, resource)


def api_arn(path: str) -> str:
    """API Gateway's ARNs name no account, and end in the path of the management call."""
    return _join("apigateway", Aws.REGION, "", path)


def _join(service: str, region: str, account: str, resource: str) -> str:
    return f"arn:{Aws.PARTITION}:{service}:{region}:{account}:{resource}"
