"""The service stack, which only wires constructs. Names include the stage, so stages can share an account and region."""

from aws_cdk import CfnOutput, Duration, Stack, Tags
from aws_cdk import aws_iam as iam
from constructs import Construct

from task_service import issuers, principals
from task_service.alarms import Alarms
from task_service.api import TaskApi
from task_service.audit import Audit
from task_service.cognito import Cognito
from task_service.dashboard import Dashboard
from task_service.functions import RustFunction
from task_service.interference import Interference
from task_service.queries import SavedQueries
from task_service.seal import AuditSeal
from task_service.settings import Settings
from task_service.table import TaskTable


class ServiceStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        tags = {"service": "tasks", "stage": settings.stage}
        super().__init__(
            scope,
            construct_id,
            stack_name=f"tasks-{settings.stage}",
            description=f"Task service, stage {settings.stage}: API, table and audit log",
            tags=tags,
        )
        # The stack's own tags are set above. Resources carry them in the template too, where a reviewer sees them.
        for name, value in tags.items():
            Tags.of(self).add(name, value)

        table = TaskTable(self, "Tasks", deletion_protection=settings.deletion_protection)
        task_api = _task_api(self, settings=settings, table=table)
        cognito = _cognito(self, settings=settings)
        authorizer = _authorizer(self, settings=settings, cognito=cognito)
        docs = _docs(self, settings=settings)
        seal = AuditSeal(self, "Seal", settings=settings, seal=settings.seal) if settings.seal else None
        audit = Audit(self, "Audit", settings=settings, table=table.table, intents=seal.intents if seal else None)
        api = TaskApi(
            self,
            "Api",
            stage=settings.stage,
            task_api=task_api.function,
            authorizer=authorizer.function,
            docs=docs.function,
            docs_page=settings.docs,
            allowed_origins=settings.allowed_origins,
            throttle_rate=settings.throttle_rate,
            throttle_burst=settings.throttle_burst,
            rate_limit_policy=settings.rate_limit_policy,
            detailed_metrics=settings.detailed_metrics,
            access_log_retention_days=settings.access_log_retention_days,
            log_retention_days=settings.log_retention_days,
            authorizer_cache_seconds=settings.authorizer_cache_seconds,
        )
        SavedQueries(
            self,
            "Queries",
            stage=settings.stage,
            logs_by_name={"audit": audit.log_group, "authorizer": authorizer.log_group, "task-api": task_api.log_group},
        )
        functions = [("task-api", task_api.function), ("docs", docs.function), ("audit", audit.function)]
        if seal:
            functions.append(("notary", seal.function))
        interference = Interference(
            self,
            "Interference",
            stage=settings.stage,
            log_groups=[audit.log_group, *([seal.checkpoints] if seal else [])],
            functions=[audit.function, *([seal.function] if seal else [])],
            tables=[table.table, *([seal.intents] if seal else [])],
            mapping=audit.mapping,
        )
        alarms = Alarms(
            self,
            "Alarms",
            stage=settings.stage,
            api=api.api,
            functions=functions,
            authorizer_log=authorizer.log_group,
            task_api_log=task_api.log_group,
            audit_function=audit.function,
            audit_mapping=audit.mapping,
            audit_log=audit.log_group,
            quarantine=audit.quarantine,
            table=table.table,
            seal_lag=seal.lag if seal else None,
            interference=interference.calls,
            topic_arn=settings.alarm_topic_arn,
        )
        Dashboard(
            self,
            "Dashboard",
            stage=settings.stage,
            api=api.api,
            functions=functions,
            audit_function=audit.function,
            audit_log=audit.log_group,
            quarantine=audit.quarantine,
            table=table.table,
            seal_lag=seal.lag if seal else None,
            alarms=alarms,
        )
        outputs = {
            "ApiUrl": api.url,
            # Where the URL has another host (the local AWS), it is built from this and the stage.
            "ApiId": api.api.rest_api_id,
            "TableName": table.table.table_name,
            "AuditLogGroup": audit.log_group.log_group_name,
            "QuarantineLogGroup": audit.quarantine.log_group_name,
            "FailureBucket": audit.failures.bucket_name,
            "TaskApiFunction": task_api.function.function_name,
            "AuthorizerFunction": authorizer.function.function_name,
            "DocsFunction": docs.function.function_name,
            "AuditFunction": audit.function.function_name,
        }
        if seal:
            outputs |= seal.outputs()
        if cognito:
            outputs |= cognito.outputs()
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)


def _task_api(scope: Construct, *, settings: Settings, table: TaskTable) -> RustFunction:
    return RustFunction(
        scope,
        "TaskApi",
        name=f"tasks-{settings.stage}-task-api",
        binary="task-api",
        description="Creates, reads, changes and deletes tasks",
        assets=settings.assets,
        architecture=settings.architecture,
        log_group_name=f"/tasks/{settings.stage}/task-api",
        log_retention_days=settings.log_retention_days,
        statements=[
            iam.PolicyStatement(
                actions=[
                    # Part of the transaction of a replayed create.
                    "dynamodb:ConditionCheckItem",
                    "dynamodb:DeleteItem",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:Query",
                    "dynamodb:UpdateItem",
                ],
                resources=[table.table.table_arn],
            ),
            iam.PolicyStatement(actions=["dynamodb:Query"], resources=table.index_arns),
        ],
        environment={
            "TABLE_NAME": table.table.table_name,
            "ALLOWED_ORIGINS": ",".join(settings.allowed_origins),
            "RATE_LIMIT_POLICY": settings.rate_limit_policy,
        },
        timeout=Duration.seconds(10),
        # More than its working set of a few MiB: CPU scales with memory, and a cold start is TLS and JSON.
        memory_mib=256,
    )


def _cognito(scope: Construct, *, settings: Settings) -> Cognito | None:
    if settings.cognito is None:
        return None
    return Cognito(
        scope,
        "Cognito",
        stage=settings.stage,
        settings=settings.cognito,
        deletion_protection=settings.deletion_protection,
    )


def _authorizer(scope: Construct, *, settings: Settings, cognito: Cognito | None) -> RustFunction:
    trusted = [*([cognito.trust()] if cognito else []), *settings.issuers]
    issuers.check_owners(trusted, settings.principals)
    environment = {"PRINCIPALS": principals.to_environment(settings.principals)}
    if trusted:
        environment["ISSUERS"] = issuers.to_environment(trusted)
    return RustFunction(
        scope,
        "Authorizer",
        name=f"tasks-{settings.stage}-authorizer",
        binary="authorizer",
        description="Token to principal and policy",
        assets=settings.assets,
        architecture=settings.architecture,
        log_group_name=f"/tasks/{settings.stage}/authorizer",
        log_retention_days=settings.log_retention_days,
        statements=[],
        environment=environment,
        timeout=Duration.seconds(5),
        memory_mib=128,
    )


def _docs(scope: Construct, *, settings: Settings) -> RustFunction:
    return RustFunction(
        scope,
        "Docs",
        name=f"tasks-{settings.stage}-docs",
        binary="docs",
        description="Serves the API's documents: OpenAPI, the page to try it, the pages of problems",
        assets=settings.assets,
        architecture=settings.architecture,
        log_group_name=f"/tasks/{settings.stage}/docs",
        log_retention_days=settings.log_retention_days,
        statements=[],
        environment={
            "ALLOWED_ORIGINS": ",".join(settings.allowed_origins),
            "RATE_LIMIT_POLICY": settings.rate_limit_policy,
        },
        timeout=Duration.seconds(10),
        # The viewer is 2 MB of text: CPU scales with memory.
        memory_mib=256,
    )
