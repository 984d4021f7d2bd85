"""A REST API that shows what the gateway makes of requests and answers."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import uuid

from local.tests.aws import create_function

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
           "answer-challenge": {"statusCode": 401, "headers": {"WWW-Authenticate": "Bearer"}},
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
    "$context.requestId $context.status $context.authorizer.principalId $context.error.responseType $context.nothing "
    "$context.integration.requestId"
)
PREFLIGHT = """#set($origin = $input.params().header.get("Origin"))
#if($origin == "")#set($origin = $input.params().header.get("origin"))#end
#if($origin == "https://second" || $origin == "https://third")#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end"""


class Api:
    """A REST API with ANY /{proxy+} behind a TOKEN authorizer, and gateway responses for everything."""

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
        """Returns the header ``Tags`` as the function sees it when each value is sent on its own line."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.aws.url).netloc, timeout=30)
        connection.putrequest("GET", f"/_aws/execute-api/{self.id}/dev/x")
        for name, value in [("Authorization", "good"), *(("Tags", value) for value in values)]:
            connection.putheader(name, value)
        connection.endheaders()
        seen = json.loads(connection.getresponse().read())
        connection.close()
        return seen["headers"]["tags"], seen["lines"]["tags"]
