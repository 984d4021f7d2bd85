"""The exact permissions of each function's role, so that adding or removing an action is a decision, not an accident."""

import json

import pytest
from conftest import Synthesised

from task_service.contract import SCHEMA

EVERY_FUNCTION = {
    ("logs:CreateLogStream", "own log group"),
    ("logs:PutLogEvents", "own log group"),
    ("xray:PutTelemetryRecords", "*"),
    ("xray:PutTraceSegments", "*"),
}

SEAL_FOLDERS = ("checkpoints", "keys", "manifests")

EXPECTED = {
    "task-api": EVERY_FUNCTION
    | {
        ("dynamodb:ConditionCheckItem", "table"),
        ("dynamodb:DeleteItem", "table"),
        ("dynamodb:GetItem", "table"),
        ("dynamodb:PutItem", "table"),
        ("dynamodb:Query", "table"),
        *(("dynamodb:Query", f"index {index['name']}") for index in SCHEMA["indexes"]),
        ("dynamodb:UpdateItem", "table"),
    },
    "authorizer": EVERY_FUNCTION,
    "docs": EVERY_FUNCTION,
    "audit": EVERY_FUNCTION
    | {
        ("logs:CreateLogStream", "/tasks/dev/audit"),
        ("logs:PutLogEvents", "/tasks/dev/audit"),
        ("logs:CreateLogStream", "/tasks/dev/quarantine"),
        ("logs:PutLogEvents", "/tasks/dev/quarantine"),
        ("dynamodb:DescribeStream", "stream"),
        ("dynamodb:GetRecords", "stream"),
        ("dynamodb:GetShardIterator", "stream"),
        ("dynamodb:ListStreams", "*"),
        ("s3:PutObject", "failure bucket/*"),
        ("s3:ListBucket", "failure bucket"),
        ("dynamodb:PutItem", "intents"),
    },
    "notary": EVERY_FUNCTION
    | {
        ("dynamodb:Query", "intents"),
        ("kms:GetPublicKey", "key"),
        ("kms:Sign", "key"),
        ("logs:CreateLogStream", "/tasks/dev/checkpoints"),
        ("logs:PutLogEvents", "/tasks/dev/checkpoints"),
        ("s3:ListBucket", "seal bucket"),
        *((action, f"seal bucket/{folder}/*") for action in ("s3:GetObject", "s3:PutObject") for folder in SEAL_FOLDERS),
    },
}


@pytest.mark.parametrize("binary", sorted(EXPECTED))
def test_a_functions_role_allows_exactly_this(dev: Synthesised, binary: str) -> None:
    role = _role(dev, binary)
    names = _names(dev, own_log_group=_function(dev, binary)["LoggingConfig"]["LogGroup"]["Ref"])
    granted = {
        (action, names[json.dumps(resource)])
        for statement in _statements(role)
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }
    assert granted == EXPECTED[binary]


def test_no_function_has_a_managed_policy_or_a_policy_attached_from_elsewhere(each: Synthesised) -> None:
    for binary in EXPECTED:
        assert "ManagedPolicyArns" not in _role(each, binary)
    assert each.of_type("AWS::IAM::Policy") == {}
    assert each.of_type("AWS::IAM::ManagedPolicy") == {}


def test_discarded_batches_go_to_a_bucket_of_this_account_only(each: Synthesised) -> None:
    writes = [
        statement
        for statement in _statements(_role(each, "audit"))
        if any(action.startswith("s3:") for action in _listed(statement["Action"]))
    ]
    assert writes
    for statement in writes:
        assert statement["Condition"] == {"StringEquals": {"s3:ResourceAccount": {"Ref": "AWS::AccountId"}}}


def test_there_is_no_other_role(each: Synthesised) -> None:
    services = sorted(
        role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
        for role in each.of_type("AWS::IAM::Role").values()
    )
    assert services == ["lambda.amazonaws.com"] * len(EXPECTED)


def test_api_gateway_may_call_the_functions_for_this_api_only(each: Synthesised) -> None:
    permissions = [
        permission
        for permission in each.of_type("AWS::Lambda::Permission").values()
        if permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
    ]
    for permission in permissions:
        assert permission["Properties"]["Action"] == "lambda:InvokeFunction"
        assert {"Ref": _api_id(each)} in permission["Properties"]["SourceArn"]["Fn::Join"][1]
    called = {permission["Properties"]["FunctionName"]["Fn::GetAtt"][0] for permission in permissions}
    assert called == {_function_id(each, "task-api"), _function_id(each, "authorizer"), _function_id(each, "docs")}


def test_the_schedule_may_call_the_notary_and_nothing_else_may_call_a_function(each: Synthesised) -> None:
    (permission,) = [
        permission["Properties"]
        for permission in each.of_type("AWS::Lambda::Permission").values()
        if permission["Properties"]["Principal"] != "apigateway.amazonaws.com"
    ]
    rule = each.id_of("AWS::Events::Rule", "SealSchedule")
    notary = {"Fn::GetAtt": [_function_id(each, "notary"), "Arn"]}
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": notary,
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": [rule, "Arn"]},
    }


def _function_id(synthesised: Synthesised, binary: str) -> str:
    (name,) = [
        name
        for name, function in synthesised.of_type("AWS::Lambda::Function").items()
        if function["Properties"]["FunctionName"].endswith(f"-{binary}")
    ]
    return name


def _function(synthesised: Synthesised, binary: str) -> dict:
    return synthesised.resources[_function_id(synthesised, binary)]["Properties"]


def _role(synthesised: Synthesised, binary: str) -> dict:
    return synthesised.resources[_function(synthesised, binary)["Role"]["Fn::GetAtt"][0]]["Properties"]


def _statements(role: dict) -> list[dict]:
    return [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]


def _api_id(synthesised: Synthesised) -> str:
    (name,) = synthesised.of_type("AWS::ApiGateway::RestApi")
    return name


def _names(synthesised: Synthesised, *, own_log_group: str) -> dict[str, str]:
    """Returns a readable name for each resource expression of the template."""
    table, bucket = synthesised.task_table, synthesised.failure_bucket
    seal = synthesised.id_of("AWS::S3::Bucket", "Seal")
    expressions: list[tuple[object, str]] = [
        ({"Fn::GetAtt": [table, "Arn"]}, "table"),
        ({"Fn::GetAtt": [table, "StreamArn"]}, "stream"),
        *(
            ({"Fn::Join": ["", [{"Fn::GetAtt": [table, "Arn"]}, f"/index/{index['name']}"]]}, f"index {index['name']}")
            for index in SCHEMA["indexes"]
        ),
        ({"Fn::GetAtt": [bucket, "Arn"]}, "failure bucket"),
        ({"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, "/*"]]}, "failure bucket/*"),
        ({"Fn::GetAtt": [synthesised.id_of("AWS::DynamoDB::Table", "SealIntents"), "Arn"]}, "intents"),
        ({"Fn::GetAtt": [synthesised.id_of("AWS::KMS::Key", "Seal"), "Arn"]}, "key"),
        ({"Fn::GetAtt": [seal, "Arn"]}, "seal bucket"),
        *(
            ({"Fn::Join": ["", [{"Fn::GetAtt": [seal, "Arn"]}, f"/{folder}/*"]]}, f"seal bucket/{folder}/*")
            for folder in SEAL_FOLDERS
        ),
    ]
    for name, group in synthesised.of_type("AWS::Logs::LogGroup").items():
        said = "own log group" if name == own_log_group else group["Properties"]["LogGroupName"]
        expressions.append(({"Fn::GetAtt": [name, "Arn"]}, said))
    return {json.dumps("*"): "*"} | {json.dumps(expression): name for expression, name in expressions}


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]
