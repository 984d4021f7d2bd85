"""The REST API's routes, authorizer, stage and preflight."""

import json

import pytest
from conftest import Synthesised

from task_service.api import ACCESS_LOG_FIELDS, CHOSEN_BY_CLIENTS
from task_service.cors import ALLOWED_HEADERS


def test_every_path_reaches_the_service_and_needs_a_token_except_health_and_documents(each: Synthesised) -> None:
    (authorizer,) = each.of_type("AWS::ApiGateway::Authorizer")
    routes = {
        (_path(each, method), method["HttpMethod"]): (method["AuthorizationType"], method.get("AuthorizerId"))
        for method in _methods(each)
    }
    token, nothing = ("CUSTOM", {"Ref": authorizer}), ("NONE", None)
    assert routes == {
        ("/", "ANY"): token,
        ("/{proxy+}", "ANY"): token,
        ("/health", "ANY"): nothing,
        ("/problems/{name}", "ANY"): nothing,
        ("/", "OPTIONS"): nothing,
        ("/{proxy+}", "OPTIONS"): nothing,
        ("/health", "OPTIONS"): nothing,
        ("/problems/{name}", "OPTIONS"): nothing,
    } | {(path, method): nothing for path in _docs_pages(each) for method in ("ANY", "OPTIONS")}
    for method in _methods(each):
        expected = "MOCK" if method["HttpMethod"] == "OPTIONS" else "AWS_PROXY"
        assert method["Integration"]["Type"] == expected


def test_the_authorizer_sees_the_token_and_its_answer_is_kept_as_long_as_the_setting_says(
    dev: Synthesised, prod: Synthesised
) -> None:
    for synthesised, seconds in ((dev, 300), (prod, 60)):
        authorizer = synthesised.only("AWS::ApiGateway::Authorizer")["Properties"]
        assert authorizer["Type"] == "TOKEN"
        assert authorizer["IdentitySource"] == "method.request.header.Authorization"
        assert authorizer["AuthorizerResultTtlInSeconds"] == seconds


def test_the_stage_carries_the_stages_name_traces_and_logs(dev: Synthesised, prod: Synthesised) -> None:
    for synthesised, stage, rate, burst, detailed in ((dev, "dev", 500, 1000, False), (prod, "prod", 20, 40, True)):
        properties = synthesised.only("AWS::ApiGateway::Stage")["Properties"]
        assert properties["StageName"] == stage
        assert properties["TracingEnabled"] is True
        (settings,) = properties["MethodSettings"]
        assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
        assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (rate, burst)
        assert settings["MetricsEnabled"] is detailed
        # The data trace would write bodies and headers, including tokens, to the execution log.
        assert settings["DataTraceEnabled"] is False
        assert settings["LoggingLevel"] == "ERROR"


def test_the_access_log_is_json_names_the_call_and_the_caller_and_no_header_of_theirs(dev: Synthesised) -> None:
    setting = dev.only("AWS::ApiGateway::Stage")["Properties"]["AccessLogSetting"]
    line = json.loads(setting["Format"])
    assert line == ACCESS_LOG_FIELDS
    for name in (
        "$context.requestId",
        "$context.extendedRequestId",
        "$context.integration.requestId",
        "$context.authorizer.principalId",
        "$context.authorizer.credential",
        "$context.httpMethod",
        "$context.path",
        "$context.status",
        "$context.responseLatency",
        "$context.identity.sourceIp",
        "$context.identity.userAgent",
    ):
        assert name in line.values()
    assert all(value.startswith("$context.") for value in line.values())
    assert "header" not in setting["Format"].lower()
    assert "apikey" not in setting["Format"].lower()
    (group,) = [
        name
        for name, found in dev.of_type("AWS::Logs::LogGroup").items()
        if found["Properties"]["LogGroupName"] == "/tasks/dev/access"
    ]
    assert group in json.dumps(setting["DestinationArn"])


def test_what_clients_choose_stands_first_in_the_access_log_so_that_ours_is_what_parsers_keep(dev: Synthesised) -> None:
    line = dev.only("AWS::ApiGateway::Stage")["Properties"]["AccessLogSetting"]["Format"]
    names = [name for name, _ in json.loads(line, object_pairs_hook=list)]
    assert names[: len(CHOSEN_BY_CLIENTS)] == list(CHOSEN_BY_CLIENTS)
    chosen = {"requestId", "xrayTraceId", "httpMethod", "path", "identity.userAgent"}
    assert {value.removeprefix("$context.") for value in CHOSEN_BY_CLIENTS.values()} == chosen
    # As API Gateway would write it, without escaping, for a client that tries to forge its status and principal.
    forged = line.replace("$context.identity.userAgent", 'x","status":"200","principalId":"admin","ip":"192.0.2.1')
    read = json.loads(forged)
    for name in ("status", "principalId", "ip"):
        assert read[name] == ACCESS_LOG_FIELDS[name]


def test_json_bodies_arrive_as_they_were_sent_and_long_answers_are_compressed(each: Synthesised) -> None:
    """A media type that is not binary is treated as text, and bytes that are not UTF-8 are replaced."""
    api = each.only("AWS::ApiGateway::RestApi")["Properties"]
    assert api["BinaryMediaTypes"] == ["application/json", "application/merge-patch+json"]
    assert api["MinimumCompressionSize"] == 1024


def test_the_execution_log_is_the_stacks_own_before_the_stage_writes_to_it(each: Synthesised) -> None:
    (api,) = each.of_type("AWS::ApiGateway::RestApi")
    stage = each.only("AWS::ApiGateway::Stage")
    name = {"Fn::Join": ["", ["API-Gateway-Execution-Logs_", {"Ref": api}, f"/{stage['Properties']['StageName']}"]]}
    (group,) = [
        logical_id
        for logical_id, found in each.of_type("AWS::Logs::LogGroup").items()
        if found["Properties"]["LogGroupName"] == name
    ]
    assert group in stage["DependsOn"]
    assert each.resources[group]["DeletionPolicy"] == "Delete"
    assert each.resources[group]["Properties"]["RetentionInDays"] in (30, 7)


def test_a_preflight_allows_what_the_contract_uses(each: Synthesised) -> None:
    preflights = [method for method in _methods(each) if method["HttpMethod"] == "OPTIONS"]
    assert preflights
    for method in preflights:
        (answer,) = method["Integration"]["IntegrationResponses"]
        headers = _mapped(answer["ResponseParameters"], "method.response.header.")
        assert answer["StatusCode"] == "204"
        assert _fixed(headers["Access-Control-Allow-Headers"]).split(",") == list(ALLOWED_HEADERS)
        assert set(_fixed(headers["Access-Control-Allow-Methods"]).split(",")) >= {
            "GET",
            "HEAD",
            "POST",
            "PUT",
            "PATCH",
            "DELETE",
        }
        assert int(_fixed(headers["Access-Control-Max-Age"])) > 0
        assert headers["X-Request-Id"] == "context.requestId"
        assert _fixed(headers["RateLimit-Policy"]) == _rate_limit_policy(each)
        assert "Access-Control-Allow-Credentials" not in headers
        # API Gateway refuses a mapped header that the method response does not declare.
        (declared,) = method["MethodResponses"]
        assert declared["StatusCode"] == "204"
        assert declared["ResponseParameters"].keys() == answer["ResponseParameters"].keys()
        request = method["Integration"]["RequestTemplates"]["application/json"]
        assert json.loads(request) == {"statusCode": 204}


def test_a_preflight_does_without_a_body_of_any_type(each: Synthesised) -> None:
    """JSON is a binary media type here: without the conversion, API Gateway answers 500 "Unable to transform request".

    A body of a type without a template would be passed through, and the MOCK integration would find no statusCode in it:
    500 again.
    """
    for method in _methods(each):
        if method["HttpMethod"] == "OPTIONS":
            integration = method["Integration"]
            assert integration["PassthroughBehavior"] == "NEVER"
            assert list(integration["RequestTemplates"]) == ["application/json"]
            assert integration["ContentHandling"] == "CONVERT_TO_TEXT"
            (answer,) = integration["IntegrationResponses"]
            assert answer["ContentHandling"] == "CONVERT_TO_TEXT"


def test_the_rate_limit_policy_says_the_stages_throttle(dev: Synthesised, prod: Synthesised) -> None:
    assert _rate_limit_policy(dev) == '"default";q=500;w=1'
    assert _rate_limit_policy(prod) == '"default";q=20;w=1'


def test_a_preflight_answers_any_origin_in_dev(dev: Synthesised) -> None:
    answer = _preflight(dev)
    assert answer["ResponseParameters"]["method.response.header.Access-Control-Allow-Origin"] == "'*'"
    assert "ResponseTemplates" not in answer


def test_a_preflight_repeats_an_allowed_origin_where_they_are_listed(prod: Synthesised) -> None:
    answer = _preflight(prod)
    headers = answer["ResponseParameters"]
    assert headers["method.response.header.Access-Control-Allow-Origin"] == "'https://a.example'"
    assert headers["method.response.header.Vary"] == "'Origin'"
    template = answer["ResponseTemplates"]["application/json"]
    assert '$origin == "https://b.example:8443"' in template
    assert "$context.responseOverride.header.Access-Control-Allow-Origin = $origin" in template


@pytest.mark.parametrize(
    "output",
    [
        "ApiUrl",
        "ApiId",
        "TableName",
        "AuditLogGroup",
        "QuarantineLogGroup",
        "FailureBucket",
        "TaskApiFunction",
        "AuthorizerFunction",
        "DocsFunction",
        "AuditFunction",
    ],
)
def test_the_stack_tells_what_scripts_need(each: Synthesised, output: str) -> None:
    assert output in each.template.to_json()["Outputs"]


def test_the_url_is_the_stages_and_ends_without_a_slash(each: Synthesised) -> None:
    outputs = each.template.to_json()["Outputs"]
    (stage,) = each.of_type("AWS::ApiGateway::Stage")
    parts = outputs["ApiUrl"]["Value"]["Fn::Join"][1]
    assert parts[0] == "https://"
    assert parts[-1] == {"Ref": stage}
    assert {name for name in outputs if "Endpoint" in name} <= {"TokenEndpoint"}


def test_everything_that_can_be_tagged_is(each: Synthesised) -> None:
    stage = each.stack.stack_name.removeprefix("tasks-")
    for kind in ("AWS::DynamoDB::Table", "AWS::Lambda::Function", "AWS::S3::Bucket", "AWS::Logs::LogGroup"):
        for resource in each.of_type(kind).values():
            tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
            assert tags == {"service": "tasks", "stage": stage}


def test_documents_come_from_a_function_of_their_own(each: Synthesised) -> None:
    (docs,) = [
        name
        for name, function in each.of_type("AWS::Lambda::Function").items()
        if function["Properties"]["FunctionName"].endswith("-docs")
    ]
    documents = {
        _path(each, method) for method in _methods(each) if f'"{docs}"' in json.dumps(method["Integration"])
    }
    assert documents == {"/problems/{name}", *_docs_pages(each)}


def test_the_docs_page_is_on_in_dev_only(dev: Synthesised, prod: Synthesised) -> None:
    for synthesised, expected in ((dev, {"/openapi.json", "/docs", "/docs/{name}"}), (prod, set())):
        paths = {_path(synthesised, method) for method in _methods(synthesised)}
        assert {path for path in paths if path.startswith(("/docs", "/openapi"))} == expected


def _docs_pages(synthesised: Synthesised) -> tuple[str, ...]:
    is_dev = synthesised.stack.stack_name == "tasks-dev"
    return ("/openapi.json", "/docs", "/docs/{name}") if is_dev else ()


def _methods(synthesised: Synthesised) -> list[dict]:
    return [method["Properties"] for method in synthesised.of_type("AWS::ApiGateway::Method").values()]


def _path(synthesised: Synthesised, method: dict) -> str:
    path, resource = "", method["ResourceId"]
    while "Ref" in resource:
        properties = synthesised.resources[resource["Ref"]]["Properties"]
        path, resource = f"/{properties['PathPart']}{path}", properties["ParentId"]
    return path or "/"


def _rate_limit_policy(synthesised: Synthesised) -> str:
    (function,) = [
        found["Properties"]
        for found in synthesised.of_type("AWS::Lambda::Function").values()
        if found["Properties"]["FunctionName"].endswith("-task-api")
    ]
    return function["Environment"]["Variables"]["RATE_LIMIT_POLICY"]


def _preflight(synthesised: Synthesised) -> dict:
    (method,) = [
        method
        for method in _methods(synthesised)
        if method["HttpMethod"] == "OPTIONS" and _path(synthesised, method) == "/{proxy+}"
    ]
    (answer,) = method["Integration"]["IntegrationResponses"]
    return answer


def _mapped(parameters: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in parameters.items()}


def _fixed(value: str) -> str:
    assert value[0] == value[-1] == "'"
    return value[1:-1]
