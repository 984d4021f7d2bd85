"""The REST API: one stage, every path of which is routed to the task function behind a TOKEN authorizer, but for a few pages."""

import json
from collections.abc import Sequence

from aws_cdk import Duration, Fn, Size
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from task_service import nag
from task_service.gateway_responses import add_gateway_responses
from task_service.logs import log_group
from task_service.preflight import add_preflight

# The access log's fields: what an operator needs to find a call. Of the headers, only the user agent, and never the query string:
# API Gateway does not escape values, and the Authorization header must not reach a log.
#
# The values that clients choose come first. A quote in such a value can end it and start new members, but of two members with
# the same name JSON parsers keep the last, which is ours. Headers can set the request id and the trace id, but not the extended
# request id or the integration's.
CHOSEN_BY_CLIENTS = {
    "requestId": "$context.requestId",
    "xrayTraceId": "$context.xrayTraceId",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "userAgent": "$context.identity.userAgent",
}
ACCESS_LOG_FIELDS = CHOSEN_BY_CLIENTS | {
    "extendedRequestId": "$context.extendedRequestId",
    "integrationRequestId": "$context.integration.requestId",
    "time": "$context.requestTimeEpoch",
    "principalId": "$context.authorizer.principalId",
    "credential": "$context.authorizer.credential",
    "resource": "$context.resourcePath",
    "status": "$context.status",
    "errorType": "$context.error.responseType",
    "authorizerError": "$context.authorizer.error",
    "latencyMs": "$context.responseLatency",
    "authorizerLatencyMs": "$context.authorizer.latency",
    "integrationLatencyMs": "$context.integration.latency",
    "responseBytes": "$context.responseLength",
    "ip": "$context.identity.sourceIp",
}

# The media types of request bodies. Declared as binary, bodies reach the function as they were sent; in text, API Gateway would
# replace bytes that are not UTF-8. Responses are text whatever the request accepts, because the function says so.
_BINARY_MEDIA_TYPES = ["application/json", "application/merge-patch+json"]

# gzip shrinks a page of tasks to a fifth and saves nothing on a single task.
_COMPRESSED_FROM = Size.kibibytes(1)


class TaskApi(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: str,
        task_api: lambda_.Function,
        authorizer: lambda_.Function,
        docs: lambda_.Function,
        docs_page: bool,
        allowed_origins: Sequence[str],
        throttle_rate: int,
        throttle_burst: int,
        rate_limit_policy: str,
        detailed_metrics: bool,
        access_log_retention_days: int,
        log_retention_days: int,
        authorizer_cache_seconds: int,
    ) -> None:
        super().__init__(scope, construct_id)
        # As long as the audit log by default: reads and refusals leave a line here and nowhere else.
        self.access_logs = log_group(
            self, "AccessLogs", name=f"/tasks/{stage}/access", retention_days=access_log_retention_days
        )
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"tasks-{stage}",
            description=f"Tasks, stage {stage}",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            binary_media_types=_BINARY_MEDIA_TYPES,
            min_compression_size=_COMPRESSED_FROM,
            deploy_options=self._stage_options(
                stage,
                throttle_rate=throttle_rate,
                throttle_burst=throttle_burst,
                detailed_metrics=detailed_metrics,
            ),
            # The logs below are written with the account's role: account_stack.py.
            cloud_watch_role=False,
        )
        # RestApi adds its own output, with a trailing slash and a hashed name.
        self.api.node.try_remove_child("Endpoint")
        self._keep_execution_logs_short(stage, log_retention_days)
        resources = [
            *self._add_routes(
                task_api=task_api, authorizer=authorizer, cache=Duration.seconds(authorizer_cache_seconds)
            ),
            *self._add_documents(docs, docs_page=docs_page),
        ]
        for resource in resources:
            add_preflight(resource, allowed_origins=allowed_origins, rate_limit_policy=rate_limit_policy)
        add_gateway_responses(
            self.api, stage=stage, allowed_origins=allowed_origins, rate_limit_policy=rate_limit_policy
        )
        self._accept_findings()
        # No trailing slash: "$URL/tasks" must not become "//tasks", which is a different path.
        self.url = Fn.join("", ["https://", self._domain(), "/", self.api.deployment_stage.stage_name])

    def _stage_options(
        self, stage: str, *, throttle_rate: int, throttle_burst: int, detailed_metrics: bool
    ) -> apigateway.StageOptions:
        return apigateway.StageOptions(
            stage_name=stage,
            # Requests per second and burst size for all callers together: they limit the bill, below the account's 10,000.
            throttling_rate_limit=throttle_rate,
            throttling_burst_limit=throttle_burst,
            access_log_destination=apigateway.LogGroupLogDestination(self.access_logs),
            access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG_FIELDS)),
            # Errors only, and no data trace: the trace would log headers and bodies.
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,
            # Per method, at the price of custom metrics. The alarm watches those of API and stage, which are there anyway.
            metrics_enabled=detailed_metrics,
            tracing_enabled=True,
        )

    def _keep_execution_logs_short(self, stage: str, retention_days: int) -> None:
        """Creates the log group that API Gateway would otherwise create itself, kept forever and left behind by the stack."""
        group = log_group(
            self,
            "ExecutionLogs",
            name=Fn.join("", ["API-Gateway-Execution-Logs_", self.api.rest_api_id, "/", stage]),
            retention_days=retention_days,
        )
        self.api.deployment_stage.node.add_dependency(group)

    def _add_routes(
        self, *, task_api: lambda_.Function, authorizer: lambda_.Function, cache: Duration
    ) -> list[apigateway.IResource]:
        token_authorizer = apigateway.TokenAuthorizer(
            self,
            "Authorizer",
            authorizer_name="token",
            handler=authorizer,
            # If the header is absent or empty, API Gateway answers 401 without invoking the function. The result is
            # cached per token, not per path, so the returned policy has to cover every method the token may use
            # ("Use API Gateway Lambda authorizers").
            identity_source=apigateway.IdentitySource.header("Authorization"),
            # The longest time that a revoked token still works; one that expires is refused by the task function all the same.
            results_cache_ttl=cache,
        )
        # Test invocations from the console would need one more permission per method.
        to_function = apigateway.LambdaIntegration(task_api, proxy=True, allow_test_invoke=False)
        root = self.api.root
        proxy = root.add_resource("{proxy+}")
        health = root.add_resource("health")
        for resource in (root, proxy):
            # ANY, so that the service answers 404 and 405, instead of the gateway with a misleading 403.
            method = resource.add_method("ANY", to_function, authorizer=token_authorizer)
            nag.accept(
                method,
                "AwsSolutions-COG4",
                reason="The TOKEN authorizer checks every kind of token, those of a user pool too; an authorizer of Cognito's "
                "would know no other issuer",
            )
        self._open_methods = [_open(health, to_function)]
        return [root, proxy, health]

    def _add_documents(self, docs: lambda_.Function, *, docs_page: bool) -> list[apigateway.IResource]:
        """Adds the pages, which need no token: of problems always, since every problem's `type` leads to one."""
        root = self.api.root
        resources: list[apigateway.IResource] = [root.add_resource("problems").add_resource("{name}")]
        if docs_page:
            page = root.add_resource("docs")
            resources += [root.add_resource("openapi.json"), page, page.add_resource("{name}")]
        to_function = apigateway.LambdaIntegration(docs, proxy=True, allow_test_invoke=False)
        self._open_methods += [_open(resource, to_function) for resource in resources]
        return resources

    def _domain(self) -> str:
        return Fn.join(
            "",
            [
                self.api.rest_api_id,
                ".execute-api.",
                self.api.env.region,
                ".",
                self.api.stack.url_suffix,
            ],
        )

    def _accept_findings(self) -> None:
        nag.accept(
            self.api,
            "AwsSolutions-APIG2",
            reason="The function checks every request and reports all invalid fields at once (api.md); a gateway model "
            "would report only the first error, in another format",
        )
        nag.accept(
            self.api.deployment_stage,
            "AwsSolutions-APIG3",
            reason="A web ACL costs a fixed fee per stage; throttling limits the load, and every route except /health, "
            "the documents and preflight needs a token. An operator can associate an ACL with the stage without a change here",
        )
        for method in self._open_methods:
            for rule in ("AwsSolutions-APIG4", "AwsSolutions-COG4"):
                nag.accept(
                    method, rule, reason="/health and the documents return no data and make no database call"
                )


def _open(resource: apigateway.IResource, to_function: apigateway.Integration) -> apigateway.Method:
    return resource.add_method("ANY", to_function, authorization_type=apigateway.AuthorizationType.NONE)
