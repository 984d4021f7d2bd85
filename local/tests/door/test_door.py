"""The fault injector, the recorder and the admin endpoints, as AWS SDKs see them."""

from __future__ import annotations

import json
import uuid

import botocore.exceptions
import pytest

from local.tests.aws import create_function, until


@pytest.fixture
def clean(aws):
    aws.call("DELETE", "/_local/faults")
    aws.call("DELETE", "/_local/calls")
    yield aws
    aws.call("DELETE", "/_local/faults")


@pytest.fixture(scope="module")
def table(aws):
    name = f"door-{uuid.uuid4().hex[:8]}"
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    return name


def put(client, table, identifier="one"):
    return client.put_item(TableName=table, Item={"id": {"S": identifier}})


def failing(aws, code, status=400, **rule):
    answer = aws.call(
        "POST",
        "/_local/faults",
        {"effect": {"error": {"status": status, "code": code, "message": "as planned"}}, **rule},
    )
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("service", "action", "call"),
    [
        ("dynamodb", "PutItem", lambda c: c.put_item(TableName="t", Item={"id": {"S": "x"}})),
        (
            "logs",
            "PutLogEvents",
            lambda c: c.put_log_events(
                logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1, "message": "m"}]
            ),
        ),
        ("s3", "PutObject", lambda c: c.put_object(Bucket="b", Key="a/b", Body=b"x")),
        ("s3", "GetBucketVersioning", lambda c: c.get_bucket_versioning(Bucket="b")),
        ("sts", "GetCallerIdentity", lambda c: c.get_caller_identity()),
        ("cloudformation", "DescribeStacks", lambda c: c.describe_stacks()),
        ("lambda", "GetFunction", lambda c: c.get_function(FunctionName="f")),
        ("apigateway", "GetRestApis", lambda c: c.get_rest_apis()),
    ],
)
def test_an_error_reaches_the_sdk_with_its_code(clean, service, action, call):
    failing(clean, "PlannedException", 400, service=service, action=action)
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(clean.client(service, caller="someone"))
    assert raised.value.response["Error"]["Code"] == "PlannedException"
    assert raised.value.response["Error"]["Message"] == "as planned"
    [entry] = clean.call("GET", "/_local/calls").json
    assert entry == {"service": service, "action": action, "caller": "someone", "nth": 1, "status": 400}


def test_nth_times_caller_and_match_pick_the_calls(clean, table):
    failing(clean, "ThrottlingException", action="PutItem", caller="picked", match='"wanted', nth=2, times=2)
    picked, other = clean.client("dynamodb", "picked"), clean.client("dynamodb", "other")
    outcomes = []
    for client, identifier in [(other, "wanted"), (picked, "plain"), *[(picked, f"wanted{n}") for n in range(4)]]:
        try:
            put(client, table, identifier)
            outcomes.append("ok")
        except botocore.exceptions.ClientError as error:
            outcomes.append(error.response["Error"]["Code"])
    assert outcomes == ["ok", "ok", "ok", "ThrottlingException", "ThrottlingException", "ok"]
    calls = [(c["caller"], c["nth"], c["status"]) for c in clean.call("GET", "/_local/calls").json]
    assert calls == [
        ("other", 1, 200),
        ("picked", 1, 200),
        ("picked", 2, 200),
        ("picked", 3, 400),
        ("picked", 4, 400),
        ("picked", 5, 200),
    ]


def test_a_dropped_answer_was_carried_out(clean, table):
    clean.call("POST", "/_local/faults", [{"service": "dynamodb", "action": "PutItem", "effect": {"dropAnswer": True}}])
    client = clean.client("dynamodb")
    with pytest.raises((botocore.exceptions.ConnectionClosedError, botocore.exceptions.HTTPClientError)):
        put(client, table, "dropped")
    assert "Item" in client.get_item(TableName=table, Key={"id": {"S": "dropped"}})


def test_another_call_comes_between_one_and_its_dropped_answer(clean, table):
    other = {"TableName": table, "Item": {"id": {"S": "another"}}}
    effect = {"dropAnswer": True, "then": other}
    clean.call("POST", "/_local/faults", {"service": "dynamodb", "action": "PutItem", "effect": effect})
    client = clean.client("dynamodb")
    with pytest.raises((botocore.exceptions.ConnectionClosedError, botocore.exceptions.HTTPClientError)):
        put(client, table, "first")
    assert all("Item" in client.get_item(TableName=table, Key={"id": {"S": name}}) for name in ("first", "another"))
    [entry] = clean.call("GET", "/_local/calls").json[:1]
    assert (entry["action"], entry["status"]) == ("PutItem", 200)


def test_a_delayed_call_is_carried_out(clean, table):
    clean.call("POST", "/_local/faults", {"service": "dynamodb", "action": "PutItem", "effect": {"delayMs": 20}})
    put(clean.client("dynamodb"), table, "delayed")
    assert clean.call("GET", "/_local/faults").json[0]["hits"] == 1


def test_the_faults_of_one_account_are_cleared_alone(clean):
    rules = [{"account": account, "effect": {"delayMs": 1}} for account in ("111111111111", "222222222222")]
    clean.call("POST", "/_local/faults", rules)
    left = clean.call("DELETE", "/_local/faults", {"account": "111111111111"}).json
    assert [rule["account"] for rule in left] == ["222222222222"]
    assert clean.call("DELETE", "/_local/faults").json == []


@pytest.mark.parametrize(
    "rule", [{"effect": {}}, {"effect": {"explode": 1}}, {"acton": "PutItem", "effect": {"delayMs": 1}}, ["x"], {"effect": {"then": {}}}]
)
def test_a_rule_that_cannot_be_understood_is_refused(clean, rule):
    answer = clean.call("POST", "/_local/faults", rule)
    assert answer.status == 400 and answer.json["error"]


def test_admin_endpoints_say_what_there_is(aws):
    assert aws.call("GET", "/_local/nothing").status == 404
    assert aws.call("GET", "/_local/kill").status == 405
    assert aws.call("POST", "/_local/kill", b"{").status == 400


SLEEPER = """
def handler(event):
    if event.get("sleep"):
        open(os.path.join(os.environ["TMPDIR"], event["sleep"]), "w").close()
        time.sleep(60)
    return {"pid": os.getpid()}
"""


def test_a_killed_function_fails_its_invocation_and_is_replaced(aws):
    import threading

    name = f"door-{uuid.uuid4().hex[:8]}"
    create_function(aws, name, SLEEPER, Timeout=60)
    client = aws.client("lambda")

    def invoke(event):
        return client.invoke(FunctionName=name, Payload=json.dumps(event).encode())

    first = json.loads(invoke({})["Payload"].read())["pid"]
    answers = []
    sleeping = threading.Thread(target=lambda: answers.append(invoke({"sleep": name})))
    sleeping.start()
    until((aws.state_dir / "tmp" / name).exists)
    assert aws.call("POST", "/_local/kill", {"function": name}).json == {"killed": [first]}
    sleeping.join()
    assert answers[0]["FunctionError"] == "Unhandled"
    assert json.loads(invoke({})["Payload"].read())["pid"] != first


WRITER = """
import urllib.request
def handler(event):
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], data=json.dumps({"TableName": event["table"], "Item": {"id": {"S": "last"}}}).encode(),
        headers={"X-Amz-Target": "DynamoDB_20120810.PutItem", "X-Amz-User-Agent": "aws-sdk-rust/1 app/" + os.environ["AWS_LAMBDA_FUNCTION_NAME"],
                 "Authorization": "AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00"})
    urllib.request.urlopen(request).read()
    return {}
"""


def test_a_rule_may_name_the_event_that_the_caller_is_at_work_on(clean, table):
    name = f"door-{uuid.uuid4().hex[:8]}"
    create_function(clean, name, WRITER)
    rule = {"caller": name, "event": {"step": "watch", "run": {"sweeps": 1}}, "times": -1}
    failing(clean, "ThrottlingException", action="PutItem", **rule)

    def fails(**event):
        payload = json.dumps({"table": table, **event}).encode()
        return "FunctionError" in clean.client("lambda").invoke(FunctionName=name, Payload=payload)

    assert not fails(step="delete", run={"sweeps": 1})
    assert not fails(step="watch", run={"sweeps": 0})
    assert fails(step="watch", run={"sweeps": 1, "rounds": 2})
    assert not fails()


def test_a_caller_can_be_killed_by_its_own_call(clean, table):
    name = f"door-{uuid.uuid4().hex[:8]}"
    create_function(clean, name, WRITER)
    rule = {"service": "dynamodb", "action": "PutItem", "caller": name, "effect": {"killCaller": "after"}}
    clean.call("POST", "/_local/faults", rule)
    client = clean.client("lambda")
    assert "FunctionError" in client.invoke(FunctionName=name, Payload=json.dumps({"table": table}).encode())
    assert "Item" in clean.client("dynamodb").get_item(TableName=table, Key={"id": {"S": "last"}})
    assert "FunctionError" not in client.invoke(FunctionName=name, Payload=json.dumps({"table": table}).encode())
