"""Smoke tests of ``gateway_failures``, ``gateway_request``, ``gateway_mock`` and ``access_log``, over HTTP."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import uuid

import pytest

from local.tests.aws import create_function, until

FUNCTION = """
def handler(event):
    proxy = (event.get("pathParameters") or {}).get("proxy", "")
    if proxy == "raise":
        raise RuntimeError("SECRET-ERROR-TEXT")
    if proxy == "exit":
        os._exit(3)
    if proxy == "slow":
        time.sleep(3)
    if proxy.startswith("answer-"):
        return ANSWERS[proxy]
    if proxy == "echo":
        return {"statusCode": 200, "body": json.dumps([event["body"], event["isBase64Encoded"]])}
    if proxy.startswith("long-"):
        return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "x" * int(proxy[5:])}
    seen = {"context": event["requestContext"], "headers": event["headers"], "lines": event["multiValueHeaders"]}
    return {"statusCode": 200, "body": json.dumps(seen)}
ANSWERS = {"answer-text": "SECRET-ERROR-TEXT", "answer-null": None, "answer-without-status": {"body": "x"},
           "answer-with-more": {"statusCode": 200, "surplus": 1}, "answer-with-object": {"statusCode": 200, "body": {"a": 1}},
           "answer-list-header": {"statusCode": 200, "headers": {"a": ["b"]}}}
"""
AUTHORIZER = """
def handler(event):
    token = event["authorizationToken"]
    if token in ("Unauthorized", "unauthorized", "bug"):
        raise ValueError(token)
    effect = "Allow" if token == "good" else "Deny"
    return {"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": "*"}]}}
"""
PROBLEM = '{"requestId":"$context.requestId","detail":$context.error.messageString,"instance":"$context.path","gone":"$context.nothing.here"}'

ACCESS = (
    "$context.requestId $context.status $context.authorizer.principalId $context.error.responseType $context.nothing"
)
PREFLIGHT = """#set($origin = $input.params().header.get("Origin"))
#if($origin == "")#set($origin = $input.params().header.get("origin"))#end
#if($origin == "https://second" || $origin == "https://third")#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end"""


class Api:
    """A REST API with ANY /{proxy+} behind a TOKEN authorizer and gateway responses for everything."""

    def __init__(self, aws, **settings):
        self.aws = aws
        self.name = name = f"api-{uuid.uuid4().hex[:8]}"
        gateway = aws.client("apigateway")
        create_function(aws, name, FUNCTION, Timeout=10)
        create_function(aws, f"{name}-authorizer", AUTHORIZER)
        self.id = api = gateway.create_rest_api(name=name, **settings)["id"]
        root = gateway.get_resources(restApiId=api)["items"][0]["id"]
        proxy = gateway.create_resource(restApiId=api, parentId=root, pathPart="{proxy+}")["id"]
        arn = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:{}/invocations"
        authorizer = gateway.create_authorizer(
            restApiId=api,
            name="a",
            type="TOKEN",
            authorizerUri=arn.format(f"{name}-authorizer"),
            authorizerResultTtlInSeconds=0,
            identitySource="method.request.header.Authorization",
        )["id"]
        gateway.put_method(
            restApiId=api, resourceId=proxy, httpMethod="ANY", authorizationType="CUSTOM", authorizerId=authorizer
        )
        gateway.put_integration(
            restApiId=api,
            resourceId=proxy,
            httpMethod="ANY",
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=arn.format(name),
            timeoutInMillis=1000,
        )
        for kind in ("DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED"):
            more = {"gatewayresponse.header.WWW-Authenticate": "'Bearer'"} if kind == "UNAUTHORIZED" else {}
            gateway.put_gateway_response(
                restApiId=api,
                responseType=kind,
                responseTemplates={"application/json": PROBLEM},
                responseParameters={
                    "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
                    "gatewayresponse.header.content-type": "'application/problem+json'",
                    **more,
                },
            )
        self._add_preflight(gateway, api, proxy)
        gateway.create_deployment(restApiId=api, stageName="dev")
        self.access = f"/access/{name}"
        aws.client("logs").create_log_group(logGroupName=self.access)
        gateway.update_stage(
            restApiId=api,
            stageName="dev",
            patchOperations=[
                {
                    "op": "replace",
                    "path": "/accessLogSettings/destinationArn",
                    "value": f"arn:aws:logs:us-east-1:000000000000:log-group:{self.access}",
                },
                {"op": "replace", "path": "/accessLogSettings/format", "value": ACCESS},
                {"op": "replace", "path": "/~1{proxy+}/PATCH/throttling/rateLimit", "value": "0"},
                {"op": "replace", "path": "/~1{proxy+}/PATCH/throttling/burstLimit", "value": "0"},
            ],
        )

    def _add_preflight(self, gateway, api, resource, **integration):
        gateway.put_method(restApiId=api, resourceId=resource, httpMethod="OPTIONS", authorizationType="NONE")
        gateway.put_integration(
            restApiId=api,
            resourceId=resource,
            httpMethod="OPTIONS",
            type="MOCK",
            requestTemplates={"application/json": '{"statusCode": 204}'},
            **integration,
        )
        names = ("Access-Control-Allow-Origin", "X-Request-Id")
        gateway.put_method_response(
            restApiId=api,
            resourceId=resource,
            httpMethod="OPTIONS",
            statusCode="204",
            responseParameters={f"method.response.header.{name}": True for name in names},
        )
        gateway.put_integration_response(
            restApiId=api,
            resourceId=resource,
            httpMethod="OPTIONS",
            statusCode="204",
            responseTemplates={"application/json": PREFLIGHT},
            responseParameters={
                "method.response.header.Access-Control-Allow-Origin": "'https://first'",
                "method.response.header.X-Request-Id": "context.requestId",
            },
        )

    def call(self, path, token="good", method="GET", body=None, **headers):
        given = {"Authorization": token, **headers} if token else headers
        return self.aws.call(method, f"/_aws/execute-api/{self.id}/dev/{path}", body, headers=given)

    def see_lines(self, *values):
        """The header ``Tags`` as the function sees it, when it is sent on a line for each value."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.aws.url).netloc, timeout=30)
        connection.putrequest("GET", f"/_aws/execute-api/{self.id}/dev/x")
        for name, value in [("Authorization", "good"), *(("Tags", value) for value in values)]:
            connection.putheader(name, value)
        connection.endheaders()
        seen = json.loads(connection.getresponse().read())
        connection.close()
        return seen["headers"]["tags"], seen["lines"]["tags"]


@pytest.fixture(scope="module")
def api(aws):
    return Api(aws)


def assert_problem(answer, status, path):
    assert answer.status == status, answer.body
    assert answer.headers.get_all("content-type") == ["application/problem+json"]
    assert answer.headers["access-control-allow-origin"] == "*"
    problem = answer.json
    assert problem["requestId"] == answer.headers["x-amzn-requestid"]
    assert problem["instance"].endswith("/dev/" + path)
    assert problem["gone"] == ""
    assert b"SECRET" not in answer.body
    return problem["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "raise",
        "exit",
        "answer-text",
        "answer-null",
        "answer-without-status",
        "answer-with-more",
        "answer-with-object",
        "answer-list-header",
    ],
)
def test_a_failing_function_is_a_502_of_the_gateway(api, path):
    assert assert_problem(api.call(path), 502, path) == "Internal server error"


def test_a_slow_function_is_a_504_of_the_gateway(api):
    assert assert_problem(api.call("slow"), 504, "slow") == "Endpoint request timed out"


@pytest.mark.parametrize("frozen", [True, False])
def test_a_function_that_cannot_be_invoked_is_an_integration_failure(aws, frozen):
    api = Api(aws)
    aws.client("apigateway").put_gateway_response(
        restApiId=api.id,
        responseType="INTEGRATION_FAILURE",
        statusCode="503",
        responseTemplates={"application/json": PROBLEM},
        responseParameters={"gatewayresponse.header.Retry-After": "'1'"},
    )
    aws.client("apigateway").create_deployment(restApiId=api.id, stageName="dev")
    if frozen:
        aws.client("lambda").put_function_concurrency(FunctionName=api.name, ReservedConcurrentExecutions=0)
    answer = api.call("x" if frozen else "raise")
    assert (answer.status, answer.headers["retry-after"]) == ((503, "1") if frozen else (502, None))
    assert b"SECRET" not in answer.body


@pytest.mark.parametrize(
    ("path", "megabytes", "status"), [("x", 10.1, 413), ("x", 6.1, 413), ("x", 5.5, 200), ("x" * 1600, 0, 414)]
)
def test_what_is_too_large_gets_a_plain_answer(api, path, megabytes, status):
    url = f"/_aws/execute-api/{api.id}/dev/{path}"
    answer = api.aws.call("POST", url, b"x" * int(megabytes * 1024 * 1024), {"Authorization": "good"})
    assert answer.status == status
    if status != 200:
        assert list(answer.json) == ["message"]
        assert answer.headers["access-control-allow-origin"] is None


def test_authorizer_outcomes(api):
    for token in (None, "Unauthorized"):
        answer = api.call("x", token)
        assert assert_problem(answer, 401, "x") == "Unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert assert_problem(api.call("x", "denied"), 403, "x").startswith("User is not authorized")
    for token in ("unauthorized", "bug"):
        assert assert_problem(api.call("x", token), 500, "x") is None


def test_throttling_is_a_429_of_the_gateway(api):
    assert assert_problem(api.call("x", method="PATCH"), 429, "x") == "Too Many Requests"


def test_the_function_sees_the_request_as_the_client_sent_it(api):
    answer = api.call("a%20b/c", **{"X-Forwarded-For": "203.0.113.9"})
    context, headers = answer.json["context"], answer.json["headers"]
    assert context["path"] == f"/_aws/execute-api/{api.id}/dev/a%20b/c"
    assert context["requestId"] == answer.headers["x-amzn-requestid"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert headers["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"
    assert context["domainName"] == headers["host"]


def test_the_last_line_of_a_header_is_its_single_value(api):
    assert api.see_lines("a", "b, c", "d") == ("d", ["a", "b, c", "d"])


def test_a_preflight_answers_what_its_mapping_says(api):
    for origin, allowed in (
        ("https://first", "https://first"),
        ("https://third", "https://third"),
        ("https://evil", "https://first"),
    ):
        answer = api.call("x", token=None, method="OPTIONS", Origin=origin)
        assert (answer.status, answer.body, answer.headers["access-control-allow-origin"]) == (204, b"", allowed)
        assert answer.headers["x-request-id"] == answer.headers["x-amzn-requestid"]


def test_every_request_leaves_an_access_log_line(api):
    served, refused = api.call("x"), api.call("x", "denied")
    logs = api.aws.client("logs")

    def lines():
        return [event["message"] for event in logs.filter_log_events(logGroupName=api.access)["events"]]

    until(lambda: any(refused.headers["x-amzn-requestid"] in line for line in lines()))
    assert f"{served.headers['x-amzn-requestid']} 200 p - -" in lines()
    assert f"{refused.headers['x-amzn-requestid']} 403 - ACCESS_DENIED -" in lines()


def test_stock_leaks_the_error_text_and_loses_the_headers(stock):
    api = Api(stock)
    answer = api.call("raise")
    assert b"SECRET-ERROR-TEXT" in answer.body
    assert answer.headers["access-control-allow-origin"] is None
    assert api.call("answer-null").status == 200
    assert api.call("x", token=None, method="OPTIONS").headers["x-request-id"] == "context.requestId"
    assert stock.client("logs").describe_log_streams(logGroupName=api.access)["logStreams"] == []
    assert json.loads(api.call("x").body)["context"]["path"] == "/dev/x"
    assert api.see_lines("a", "b") == ("a, b", ["a, b"])
