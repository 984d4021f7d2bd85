"""Cloud Control's GetResource looks at what the services hold."""

from __future__ import annotations

import json

import pytest

from local.tests.aws import Launcher
from local.tests.stacks import TABLE, Stack, fresh, refused

_ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def _trusting(service: str) -> dict:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}],
    }


def one_of_each() -> dict:
    """Returns one resource of every type that has a read handler, and of some that have none."""
    everyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    code = {"ZipFile": "def handler(event, context): return event"}
    alarm = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "MetricName": "m", "Namespace": "n"}
    succeed = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    of = {
        "Alarm": ("AWS::CloudWatch::Alarm", {**alarm, "Period": 60, "Statistic": "Sum", "Threshold": 1}),
        "Alias": ("AWS::KMS::Alias", {"AliasName": f"alias/{fresh()}", "TargetKeyId": {"Ref": "Key"}}),
        "Api": ("AWS::ApiGateway::RestApi", {"Name": "api"}),
        "Bucket": ("AWS::S3::Bucket", {}),
        "BucketPolicy": ("AWS::S3::BucketPolicy", {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": _ANYTHING}),
        "Function": (
            "AWS::Lambda::Function",
            {
                "Runtime": "python3.11",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": code,
            },
        ),
        "Group": ("AWS::Logs::LogGroup", {}),
        "Key": ("AWS::KMS::Key", {"KeyPolicy": {"Version": "2012-10-17", "Statement": [everyone]}}),
        "Machine": (
            "AWS::StepFunctions::StateMachine",
            {"RoleArn": {"Fn::GetAtt": ["MachineRole", "Arn"]}, "DefinitionString": json.dumps(succeed)},
        ),
        "MachineRole": ("AWS::IAM::Role", {"AssumeRolePolicyDocument": _trusting("states.amazonaws.com")}),
        "ManagedPolicy": ("AWS::IAM::ManagedPolicy", {"PolicyDocument": _ANYTHING}),
        "Mapping": (
            "AWS::Lambda::EventSourceMapping",
            {"FunctionName": {"Ref": "Function"}, "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]}},
        ),
        "Parameter": ("AWS::SSM::Parameter", {"Type": "String", "Value": "v"}),
        "Permission": (
            "AWS::Lambda::Permission",
            {
                "FunctionName": {"Ref": "Function"},
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
            },
        ),
        "Policy": ("AWS::IAM::Policy", {"PolicyName": "p", "Roles": [{"Ref": "Role"}], "PolicyDocument": _ANYTHING}),
        "Pool": ("AWS::Cognito::UserPool", {}),
        "Queue": ("AWS::SQS::Queue", {}),
        "QueuePolicy": ("AWS::SQS::QueuePolicy", {"Queues": [{"Ref": "Queue"}], "PolicyDocument": _ANYTHING}),
        "Repository": ("AWS::ECR::Repository", {}),
        "Role": ("AWS::IAM::Role", {"AssumeRolePolicyDocument": _trusting("lambda.amazonaws.com")}),
        "Rule": ("AWS::Events::Rule", {"ScheduleExpression": "rate(1 day)"}),
        "Secret": ("AWS::SecretsManager::Secret", {"SecretString": "s"}),
        "SecurityGroup": ("AWS::EC2::SecurityGroup", {"GroupDescription": "d"}),
        "Subscription": (
            "AWS::SNS::Subscription",
            {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}},
        ),
        "Topic": ("AWS::SNS::Topic", {}),
        "TopicPolicy": ("AWS::SNS::TopicPolicy", {"Topics": [{"Ref": "Topic"}], "PolicyDocument": _ANYTHING}),
    }
    return {
        "Table": TABLE,
        **{name: {"Type": kind, "Properties": properties} for name, (kind, properties) in of.items()},
    }


def got(aws: Launcher, kind: str, identifier: str) -> dict:
    """Returns the properties of what GetResource finds."""
    answer = aws.client("cloudcontrol").get_resource(TypeName=kind, Identifier=identifier)
    assert answer["TypeName"] == kind
    assert answer["ResourceDescription"]["Identifier"] == identifier
    return json.loads(answer["ResourceDescription"]["Properties"])


def code(aws: Launcher, kind: str, identifier: str) -> str:
    return refused(aws.client("cloudcontrol").get_resource, TypeName=kind, Identifier=identifier)[0]


def test_what_a_stack_made_is_found_and_is_gone_with_it(aws):
    resources = one_of_each()
    stack = Stack(aws, resources)
    found = {name: (definition["Type"], stack.physical(name)) for name, definition in resources.items()}
    rule = f"arn:aws:events:us-east-1:000000000000:rule/{found['Rule'][1]}"
    assert code(aws, *found["Rule"]) == "ResourceNotFoundException", "its identifier is its ARN"
    assert code(aws, *found["Permission"]) == "ValidationException", "its identifier has two parts"
    found["Rule"] = ("AWS::Events::Rule", rule)
    found["Permission"] = ("AWS::Lambda::Permission", f"{found['Function'][1]}|{found['Permission'][1]}")
    for without_read in ("Policy", "QueuePolicy", "TopicPolicy"):
        assert code(aws, *found.pop(without_read)) == "UnsupportedActionException"
    for kind, identifier in found.values():
        assert got(aws, kind, identifier), kind
    assert got(aws, "AWS::CloudFormation::Stack", stack.id)["StackName"] == stack.name
    assert stack.delete() == "DELETE_COMPLETE"
    for kind, identifier in [*found.values(), ("AWS::CloudFormation::Stack", stack.id)]:
        assert code(aws, kind, identifier) == "ResourceNotFoundException", kind


def test_what_was_made_by_hand_is_found(aws):
    url = aws.client("sqs").create_queue(QueueName=fresh())["QueueUrl"]
    assert got(aws, "AWS::SQS::Queue", url)["QueueUrl"] == url
    answer = aws.client("cloudcontrol").get_resource(
        TypeName="AWS::SQS::Queue", Identifier=json.dumps({"QueueUrl": url})
    )
    assert answer["ResourceDescription"]["Identifier"] == url


def test_a_key_that_is_pending_deletion_counts_as_gone(aws):
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert got(aws, "AWS::KMS::Key", key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert code(aws, "AWS::KMS::Key", key) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("AWS::Route53::RecordSet", "UnsupportedActionException"),
        ("AWS::CloudFormation::CustomResource", "UnsupportedActionException"),
        ("AWS::Nothing::Here", "TypeNotFoundException"),
        ("Custom::Thing", "ValidationException"),
    ],
)
def test_a_type_that_cannot_be_looked_at(aws, kind, expected):
    assert code(aws, kind, "anything") == expected


def test_stock_finds_only_what_it_made_itself(stock):
    url = stock.client("sqs").create_queue(QueueName=fresh())["QueueUrl"]
    assert code(stock, "AWS::SQS::Queue", url) == "ResourceNotFoundException"
