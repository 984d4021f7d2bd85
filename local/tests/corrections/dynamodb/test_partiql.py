"""Smoke test of ``dynamodb.partiql``: what statements leave on the stream."""

from __future__ import annotations

import botocore.exceptions
import pytest

from local.tests.corrections.dynamodb.test_stream_shards import iterator, shards, table

INSERT = "INSERT INTO \"{}\" VALUE {{'id': '{}', 'n': 1}}"
UPDATE = "UPDATE \"{}\" SET n = {} WHERE id = '{}'"
DELETE = "DELETE FROM \"{}\" WHERE id = '{}'"


class Table:
    def __init__(self, aws):
        self.aws, self.dynamodb = aws, aws.client("dynamodb")
        self.name, self.stream = table(aws)

    def run(self, statement: str, *values) -> None:
        self.dynamodb.execute_statement(Statement=statement.format(self.name, *values))

    def changes(self) -> list[tuple]:
        """Returns event, id, and the number in the old and the new item of each record."""
        streams = self.aws.client("dynamodbstreams")
        records = [
            record
            for shard in shards(streams, self.stream)
            for record in _read(streams, self.stream, shard)
        ]
        records.sort(key=lambda record: int(record["dynamodb"]["SequenceNumber"]))
        return [
            (record["eventName"], change["Keys"]["id"]["S"], _number(change, "OldImage"), _number(change, "NewImage"))
            for record in records
            for change in [record["dynamodb"]]
        ]


def _read(streams, stream: str, shard: dict) -> list[dict]:
    return streams.get_records(ShardIterator=iterator(streams, stream, shard, "TRIM_HORIZON"))["Records"]


def _number(change: dict, image: str) -> str | None:
    return change[image]["n"]["N"] if image in change else None


def test_each_statement_leaves_a_record(aws):
    kept = Table(aws)
    kept.run(INSERT, "a")
    kept.run(UPDATE, 2, "a")
    kept.run(UPDATE, 2, "a")  # changes nothing
    kept.run(DELETE, "a")
    kept.run(DELETE, "a")
    assert kept.changes() == [("INSERT", "a", None, "1"), ("MODIFY", "a", "1", "2"), ("REMOVE", "a", "2", None)]


def test_a_batch_leaves_the_records_of_what_it_changed(aws):
    kept = Table(aws)
    kept.run(INSERT, "a")
    statements = [INSERT.format(kept.name, "a"), INSERT.format(kept.name, "b"), UPDATE.format(kept.name, 3, "a")]
    kept.dynamodb.batch_execute_statement(Statements=[{"Statement": statement} for statement in statements])
    assert kept.changes()[1:] == [("INSERT", "b", None, "1"), ("MODIFY", "a", "1", "3")]


def test_a_cancelled_transaction_leaves_none(aws):
    kept = Table(aws)
    kept.run(INSERT, "a")

    def transact(*statements):
        kept.dynamodb.execute_transaction(
            TransactStatements=[{"Statement": statement.format(kept.name, *values)} for statement, *values in statements]
        )

    with pytest.raises(botocore.exceptions.ClientError, match="Transaction cancelled"):
        transact((INSERT, "b"), (INSERT, "a"))
    assert len(kept.changes()) == 1
    transact((INSERT, "b"), (UPDATE, 2, "a"))
    assert kept.changes()[1:] == [("INSERT", "b", None, "1"), ("MODIFY", "a", "1", "2")]


def test_stock_leaves_none(stock):
    kept = Table(stock)
    kept.run(INSERT, "a")
    assert kept.changes() == []
