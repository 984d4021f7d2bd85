"""Smoke test of ``dynamodb.stream_shards``."""

from __future__ import annotations

from local.tests.stacks import TABLE, fresh, refused


def table(aws) -> tuple[str, str]:
    name, stream = fresh("table"), {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    created = aws.client("dynamodb").create_table(TableName=name, StreamSpecification=stream, **TABLE["Properties"])
    return name, created["TableDescription"]["LatestStreamArn"]


def shards(streams, arn) -> list[dict]:
    found, after = [], {}
    while True:
        description = streams.describe_stream(StreamArn=arn, **after)["StreamDescription"]
        found += description["Shards"]
        if "LastEvaluatedShardId" not in description:
            return found
        after = {"ExclusiveStartShardId": description["LastEvaluatedShardId"]}


def iterator(streams, arn, shard, kind="LATEST") -> str:
    return streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType=kind)["ShardIterator"]


def test_every_key_has_its_shard_and_a_closed_one_ends(aws):
    (name, arn), streams, dynamodb = table(aws), aws.client("dynamodbstreams"), aws.client("dynamodb")
    assert len(streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]) == 2
    closed, *opened = shards(streams, arn)
    assert "EndingSequenceNumber" in closed["SequenceNumberRange"] and len(opened) == 3
    marks = [iterator(streams, arn, shard) for shard in opened]
    for number in range(30):
        dynamodb.put_item(TableName=name, Item={"id": {"S": str(number % 10)}, "n": {"N": str(number)}})
    seen: dict[str, set[int]] = {}
    for place, mark in enumerate(marks):
        answer = streams.get_records(ShardIterator=mark)
        records = [record["dynamodb"]["NewImage"] for record in answer["Records"]]
        assert records and answer["NextShardIterator"]
        numbers = [int(record["n"]["N"]) for record in records]
        assert numbers == sorted(numbers)
        for record in records:
            seen.setdefault(record["id"]["S"], set()).add(place)
    assert len(seen) == 10 and all(len(places) == 1 for places in seen.values())
    ended = streams.get_records(ShardIterator=iterator(streams, arn, closed, "TRIM_HORIZON"))
    assert ended["Records"] == [] and "NextShardIterator" not in ended
    unknown = {"StreamArn": arn, "ShardId": "shardId-00000000000000000009-00000000", "ShardIteratorType": "LATEST"}
    assert refused(streams.get_shard_iterator, **unknown)[0] == "ResourceNotFoundException"


def test_a_table_made_for_many_writes_has_a_shard_for_each_thousand(aws):
    (name, arn), streams, dynamodb = table(aws), aws.client("dynamodbstreams"), aws.client("dynamodb")
    wanted = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 12_000}
    dynamodb.update_table(TableName=name, BillingMode="PROVISIONED", ProvisionedThroughput=wanted)
    _, *opened = shards(streams, arn)
    assert len({shard["ShardId"] for shard in opened}) == 12
    marks = [iterator(streams, arn, shard) for shard in opened]
    for number in range(60):
        dynamodb.put_item(TableName=name, Item={"id": {"S": str(number)}})
    records = [len(streams.get_records(ShardIterator=mark)["Records"]) for mark in marks]
    assert sum(records) == 60 and sum(count > 0 for count in records) > 6


def test_stock_has_one_shard(stock):
    assert len(shards(stock.client("dynamodbstreams"), table(stock)[1])) == 1
