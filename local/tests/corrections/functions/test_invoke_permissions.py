"""Smoke test of ``functions.invoke_permissions``."""

from __future__ import annotations

import json

from local.tests.aws import Launcher, bootstrap, until
from local.tests.iam import LAMBDA, REGION, allow, fresh, function, role

AUTHORIZER = """
def handler(event):
    allow = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}
    return {"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": [allow]}}
"""


class Api:
    """A REST API whose GET / is a function behind an authorizer that is asked every time."""

    def __init__(self, aws: Launcher):
        self.aws, gateway = aws, aws.client("apigateway")
        runs_as = role(aws, LAMBDA)
        self.function = function(aws, runs_as, "def handler(event):\n    return {'statusCode': 200, 'body': 'x'}")
        self.authorizer = function(aws, runs_as, AUTHORIZER)
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:function:%s/invocations"
        self.id = gateway.create_rest_api(name=fresh("api"))["id"]
        root = gateway.get_resources(restApiId=self.id)["items"][0]["id"]
        self.authorizer_id = gateway.create_authorizer(
            restApiId=self.id, name="a", type="TOKEN", authorizerUri=uri % self.authorizer, authorizerResultTtlInSeconds=0,
            identitySource="method.request.header.Authorization",
        )["id"]  # fmt: skip
        method = {"restApiId": self.id, "resourceId": root, "httpMethod": "GET"}
        gateway.put_method(**method, authorizationType="CUSTOM", authorizerId=self.authorizer_id)
        gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri % self.function)
        gateway.create_deployment(restApiId=self.id, stageName="s")

    def permit(self, function_name: str, source: str) -> None:
        self.aws.client("lambda").add_permission(
            FunctionName=function_name, StatementId=fresh("s"), Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com", SourceArn=f"arn:aws:execute-api:{REGION}:{self.id}/{source}",
        )  # fmt: skip

    def get(self) -> int:
        return self.aws.call("GET", f"/_aws/execute-api/{self.id}/s/", headers={"Authorization": "x"}).status


def test_api_gateway_invokes_only_functions_that_let_it(iam):
    api = Api(iam)
    assert api.get() == 500  # the authorizer may not be asked
    api.permit(api.authorizer, "authorizers/another")
    api.permit(api.authorizer, f"authorizers/{api.authorizer_id}")
    assert api.get() == 504  # the function may not be called
    api.permit(api.function, "s/POST/")
    assert api.get() == 504
    api.permit(api.function, "s/GET/")
    assert api.get() == 200


def test_stock_gateway_asks_no_function(stock_iam):
    assert Api(stock_iam).get() == 200


def test_eventbridge_invokes_only_functions_that_let_it(iam):
    group = f"/{fresh('group')}"
    iam.client("logs").create_log_group(logGroupName=group)
    runs_as = role(iam, LAMBDA, allow("logs:*"))
    name, source = fresh("function"), fresh("source")
    iam.client("lambda").create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="x", Role=runs_as, LoggingConfig={"LogGroup": group},
        Code={"ZipFile": bootstrap("def handler(event):\n    print(event['detail'], flush=True)")},
    )  # fmt: skip
    events = iam.client("events")
    rule = events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    events.put_targets(Rule=source, Targets=[{"Id": "1", "Arn": f"arn:aws:lambda:{REGION}:function:{name}"}])

    def put(words: str) -> None:
        events.put_events(Entries=[{"Source": source, "DetailType": "x", "Detail": json.dumps({"said": words})}])

    put("unheard")
    iam.client("lambda").add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com", SourceArn=rule
    )
    put("heard")
    found = lambda: [e["message"] for e in iam.client("logs").filter_log_events(logGroupName=group)["events"]]  # noqa: E731
    until(lambda: any("'heard'" in line for line in found()))
    assert not any("unheard" in line for line in found())
