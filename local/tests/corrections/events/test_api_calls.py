"""Smoke test of ``events.api_calls``: a rule hears of the calls that change something."""

from __future__ import annotations

import json

import pytest

from local.tests.aws import Launcher, create_function, until
from local.tests.iam import User, allow
from local.tests.stacks import fresh, own_account

TABLE = {
    "AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


class Heard:
    """A rule on CloudTrail's events of an account, and the queue that gets them."""

    def __init__(self, aws: Launcher, detail: dict | None = None, account: str | None = None):
        self.aws, self.account = aws, account or own_account()
        self.queues = self.client("sqs")
        self.queue = self.queues.create_queue(QueueName=fresh("heard"))["QueueUrl"]
        name = self.queue.rsplit("/", 1)[1]
        pattern = {"detail-type": ["AWS API Call via CloudTrail"], **({"detail": detail} if detail else {})}
        events, rule = self.client("events"), fresh("rule")
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
        arn = f"arn:aws:sqs:us-east-1:{'0' * 12 if self.account == 'test' else self.account}:{name}"
        events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])
        self.events: list[dict] = []

    def client(self, service: str):
        return self.aws.client(service, account=self.account)

    def of(self, name: str) -> dict:
        """Waits for the event of a call and returns it."""
        return until(lambda: next((e for e in self.all() if e["detail"]["eventName"].startswith(name)), None))

    def all(self) -> list[dict]:
        answer = self.queues.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        self.events += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        return self.events


def test_the_calls_that_could_silence_an_audit_log_are_heard(aws):
    heard = Heard(aws)
    logs, table, key = heard.client("logs"), fresh("table"), heard.client("kms").create_key()["KeyMetadata"]["KeyId"]
    group = {"logGroupName": f"/{fresh('group')}"}
    logs.create_log_group(**group)
    logs.put_retention_policy(**group, retentionInDays=1)
    logs.create_log_stream(**group, logStreamName="s")
    logs.delete_log_stream(**group, logStreamName="s")
    logs.delete_log_group(**group)
    assert heard.of("PutRetentionPolicy")["detail"]["requestParameters"] == {**group, "retentionInDays": 1}
    assert heard.of("DeleteLogStream")["source"] == "aws.logs"
    assert heard.of("DeleteLogGroup")["detail"]["eventSource"] == "logs.amazonaws.com"
    dynamodb = heard.client("dynamodb")
    dynamodb.create_table(TableName=table, **TABLE)
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    assert heard.of("UpdateTable")["detail"]["requestParameters"]["tableName"] == table
    heard.client("kms").disable_key(KeyId=key)
    heard.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert heard.of("DisableKey")["detail"]["requestParameters"] == {"keyId": key}
    assert heard.of("ScheduleKeyDeletion")["source"] == "aws.kms"


def test_lambdas_calls_have_the_date_of_their_api_in_their_name(aws):
    heard, name = Heard(aws), fresh("function")
    create_function(aws, name, "def handler(event):\n    return None", heard.account)
    dynamodb, functions = heard.client("dynamodb"), heard.client("lambda")
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    table = dynamodb.create_table(TableName=fresh("table"), StreamSpecification=stream, **TABLE)["TableDescription"]
    mapping = functions.create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"], FunctionName=name, StartingPosition="LATEST"
    )["UUID"]
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"SECRET": "x"}})
    functions.delete_event_source_mapping(UUID=mapping)
    updated = heard.of("UpdateEventSourceMapping")
    assert updated["source"] == "aws.lambda"
    assert updated["detail"]["eventName"] == "UpdateEventSourceMapping20150331"
    assert updated["detail"]["requestParameters"] == {"uUID": mapping, "enabled": False}
    assert updated["detail"]["responseElements"]["functionArn"].endswith(name)
    assert heard.of("DeleteEventSourceMapping")["detail"]["eventName"] == "DeleteEventSourceMapping20150331"
    frozen = heard.of("PutFunctionConcurrency")["detail"]
    assert frozen["eventName"] == "PutFunctionConcurrency20171031"
    assert frozen["requestParameters"] == {"functionName": name, "reservedConcurrentExecutions": 0}
    configured = heard.of("UpdateFunctionConfiguration")
    assert configured["detail"]["eventName"] == "UpdateFunctionConfiguration20150331v2"
    assert "SECRET" not in json.dumps(configured)


def test_a_buckets_calls_have_cloudtrails_names(aws):
    heard, bucket = Heard(aws), fresh("bucket")
    s3 = heard.client("s3")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    changed = heard.of("PutBucketPolicy")
    assert (changed["source"], changed["detail"]["eventSource"]) == ("aws.s3", "s3.amazonaws.com")
    assert changed["detail"]["requestParameters"]["bucketName"] == bucket
    heard.of("PutBucketObjectLockConfiguration")
    assert heard.of("PutBucketLifecycle")["detail"]["eventName"] == "PutBucketLifecycle"


def test_reading_and_data_are_not_heard_and_neither_is_what_failed(aws):
    heard, table = Heard(aws), fresh("table")
    dynamodb = heard.client("dynamodb")
    dynamodb.create_table(TableName=table, **TABLE)
    dynamodb.describe_table(TableName=table)
    dynamodb.put_item(TableName=table, Item={"PK": {"S": "a"}})
    heard.client("s3").create_bucket(Bucket=table)
    heard.client("s3").put_object(Bucket=table, Key="k", Body=b"x")
    with pytest.raises(dynamodb.exceptions.ResourceInUseException):
        dynamodb.create_table(TableName=table, **TABLE)
    dynamodb.delete_table(TableName=table)
    heard.of("DeleteTable")
    names = [event["detail"]["eventName"] for event in heard.all()]
    assert sorted(set(names) - {"PutTargets", "PutRule"}) == ["CreateBucket", "CreateTable", "DeleteTable"]
    assert names.count("CreateTable") == 1


def test_a_pattern_tells_calls_and_resources_apart(aws):
    group, other = f"/{fresh('group')}", f"/{fresh('group')}"
    heard = Heard(aws, {"eventName": ["DeleteLogGroup"], "requestParameters": {"logGroupName": [group]}})
    for name in (other, group):
        heard.client("logs").create_log_group(logGroupName=name)
        heard.client("logs").delete_log_group(logGroupName=name)
    event = heard.of("DeleteLogGroup")
    assert [one["detail"]["requestParameters"]["logGroupName"] for one in heard.all()] == [group]
    identity = event["detail"]["userIdentity"]
    assert (identity["type"], identity["arn"]) == ("Root", f"arn:aws:iam::{heard.account}:root")
    assert (event["account"], event["region"], event["resources"]) == (heard.account, "us-east-1", [])
    assert (event["detail"]["readOnly"], event["detail"]["managementEvent"]) == (False, True)


def test_it_says_who_called(iam):
    heard, user = Heard(iam, account="test"), User(iam, allow("logs:*"))
    user.client("logs").create_log_group(logGroupName=f"/{fresh('group')}")
    identity = heard.of("CreateLogGroup")["detail"]["userIdentity"]
    assert (identity["type"], identity["userName"], identity["accessKeyId"]) == ("IAMUser", user.name, user.key[0])
    assert identity["arn"].endswith(f":user/{user.name}")


def test_stock_tells_nobody(stock):
    heard = Heard(stock)
    heard.client("logs").create_log_group(logGroupName=f"/{fresh('group')}")
    heard.client("logs").describe_log_groups()
    assert heard.all() == []
