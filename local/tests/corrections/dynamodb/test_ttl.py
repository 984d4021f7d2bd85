"""Smoke test of ``dynamodb.ttl``: an expired item leaves a REMOVE record of the service, nothing else is removed."""

from __future__ import annotations

import time
import uuid

from local.tests.aws import until
from local.tests.corrections.dynamodb.test_stream_shards import iterator, shards
from local.tests.corrections.functions.test_stream_mapping import Mapping


def test_expiry_leaves_a_record_of_the_service(aws):
    name = _table(aws)
    dynamodb, now = aws.client("dynamodb"), int(time.time())
    six_years_ago = now - 6 * 366 * 24 * 3600
    kinds = {
        "expired": {"N": str(now - 5)},
        "later": {"N": str(now + 600)},
        "text": {"S": str(now - 5)},
        "ancient": {"N": str(six_years_ago)},
    }
    for identifier, at in kinds.items():
        dynamodb.put_item(TableName=name, Item={"id": {"S": identifier}, "expiresAt": at})
    dynamodb.put_item(TableName=name, Item={"id": {"S": "by hand"}})
    dynamodb.delete_item(TableName=name, Key={"id": {"S": "by hand"}})

    assert aws.call("POST", "/_local/ttl").json["removed"] >= 1

    assert _left(dynamodb, name) == {"later", "text", "ancient"}
    removals = {
        r["dynamodb"]["Keys"]["id"]["S"]: r.get("userIdentity")
        for r in _records(aws, name)
        if r["eventName"] == "REMOVE"
    }
    service = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert removals == {"by hand": None, "expired": service}


def test_the_reaper_can_be_told_the_time(aws):
    name = _table(aws)
    dynamodb, tomorrow = aws.client("dynamodb"), int(time.time()) + 24 * 3600
    dynamodb.put_item(TableName=name, Item={"id": {"S": "x"}, "expiresAt": {"N": str(tomorrow)}})
    aws.call("POST", "/_local/ttl", {"now": tomorrow - 1})
    assert _left(dynamodb, name) == {"x"}
    aws.call("POST", "/_local/ttl", {"now": tomorrow})
    assert _left(dynamodb, name) == set()
    assert aws.call("POST", "/_local/ttl", {"now": "tomorrow"}).status == 400


def _left(dynamodb, name) -> set[str]:
    return {item["id"]["S"] for item in dynamodb.scan(TableName=name)["Items"]}


def _table(aws) -> str:
    name = f"ttl-{uuid.uuid4().hex[:8]}"
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expiresAt"}
    )
    return name


def _records(aws, name):
    streams = aws.client("dynamodbstreams")
    arn = aws.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
    iterators = [iterator(streams, arn, shard, "TRIM_HORIZON") for shard in shards(streams, arn)]
    return until(lambda: [r for one in iterators for r in streams.get_records(ShardIterator=one)["Records"]])


def test_a_function_gets_the_record_in_lambdas_shape(aws):
    """Lambda's own spelling of the identity ("DynamoDB Streams and Time to Live")."""
    mapping = Mapping(aws, "def decide(ids, sequence):\n    return {}\n", items=0)
    dynamodb, name = aws.client("dynamodb"), mapping.table
    dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expiresAt"}
    )
    dynamodb.put_item(TableName=name, Item={"id": {"S": "x"}, "expiresAt": {"N": str(int(time.time()) - 5)}})
    aws.call("POST", "/_local/ttl")
    service = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    until(lambda: [i for entry in mapping.entries() for i in entry["identities"]] == [None, service])
