"""Smoke test of ``dynamodb.metrics``: latency, capacity and refusals, and answers that are as they were asked for."""

from __future__ import annotations

import botocore.exceptions
import pytest

from local.tests.corrections.cloudwatch.statistics import statistics, total
from local.tests.stacks import fresh


class Table:
    """A table with a sparse index."""

    def __init__(self, aws):
        self.aws, self.name, self.dynamodb = aws, fresh("measured"), aws.client("dynamodb")
        self.dynamodb.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "status")],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-status",
                    "KeySchema": [{"AttributeName": "status", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )

    def put(self, identifier: str, size: int = 10, **more) -> dict:
        item = {"id": {"S": identifier}, "status": {"S": "open"}, "text": {"S": "x" * size}}
        return self.dynamodb.put_item(TableName=self.name, Item=item, **more)

    def query(self, **more) -> dict:
        return self.dynamodb.query(
            TableName=self.name,
            IndexName="by-status",
            KeyConditionExpression="#s = :open",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":open": {"S": "open"}},
            **more,
        )

    def requests(self, operation: str) -> float:
        latency = statistics(
            self.aws, "AWS/DynamoDB", "SuccessfulRequestLatency", TableName=self.name, Operation=operation
        )
        return latency.get("SampleCount", 0)

    def units(self, kind: str, **index: str) -> float | None:
        return total(self.aws, "AWS/DynamoDB", f"Consumed{kind}CapacityUnits", TableName=self.name, **index)


INDEX = {"GlobalSecondaryIndexName": "by-status"}


def test_requests_and_capacity_count_by_table_and_index(aws):
    table = Table(aws)
    table.put("a")
    table.put("b", 1500)
    table.dynamodb.get_item(TableName=table.name, Key={"id": {"S": "a"}}, ConsistentRead=True)
    table.query()
    assert [table.requests(operation) for operation in ("PutItem", "GetItem", "Query", "Scan")] == [2, 1, 1, 0]
    assert (table.units("Write"), table.units("Write", **INDEX)) == (3, 3)
    assert (table.units("Read"), table.units("Read", **INDEX)) == (1, 0.5)


def test_the_tables_of_a_transaction_count_each(aws):
    tables = [Table(aws), Table(aws)]
    puts = [{"Put": {"TableName": table.name, "Item": {"id": {"S": "a"}}}} for table in tables]
    for _ in range(2):
        aws.client("dynamodb").transact_write_items(TransactItems=puts, ClientRequestToken=tables[0].name)
    for table in tables:
        # The second time it is a repetition, which reads.
        assert (table.requests("TransactWriteItems"), table.units("Write"), table.units("Read")) == (2, 2, 2)


def test_a_failed_condition_is_no_success(aws):
    table = Table(aws)
    with pytest.raises(botocore.exceptions.ClientError, match="ConditionalCheckFailed"):
        table.put("a", ConditionExpression="attribute_exists(id)")
    assert table.requests("PutItem") == 0
    assert total(aws, "AWS/DynamoDB", "ConditionalCheckFailedRequests", TableName=table.name) == 1


def test_the_answer_has_the_capacity_that_was_asked_for(aws, stock):
    answers = []
    for table in (Table(aws), Table(stock)):
        for asked in ({}, *({"ReturnConsumedCapacity": kind} for kind in ("NONE", "TOTAL", "INDEXES"))):
            put, found = table.put("a", **asked), table.query(**asked)
            answers.append([one.get("ConsumedCapacity", {}) | {"TableName": "t"} for one in (put, found)])
    assert answers[:4] == answers[4:]


def test_stock_emits_nothing(stock):
    table = Table(stock)
    table.put("a")
    assert (table.requests("PutItem"), table.units("Write")) == (0, None)
