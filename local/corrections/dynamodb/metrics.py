"""Correction: DynamoDB emits its metrics.

What AWS does ("DynamoDB metrics and dimensions"): ``SuccessfulRequestLatency`` (its SampleCount is the number of requests) and
``ThrottledRequests`` by TableName and Operation; ``ConditionalCheckFailedRequests`` by TableName; ``ConsumedReadCapacityUnits`` and
``ConsumedWriteCapacityUnits`` by TableName without its indexes, and for each index by TableName and GlobalSecondaryIndexName.

What stock MiniStack does: emits none.

Here every request is asked for the capacity of its indexes, and its answer has what it was really asked for. PartiQL is not
measured, nor what a planned fault answers in DynamoDB's place.
"""

from __future__ import annotations

import json
import time

from local.corrections.cloudwatch import points

READS = {"GetItem": "_get_item", "BatchGetItem": "_batch_get_item", "Query": "_query", "Scan": "_scan"}
READS |= {"TransactGetItems": "_transact_get_items"}
WRITES = {"PutItem": "_put_item", "UpdateItem": "_update_item", "DeleteItem": "_delete_item"}
WRITES |= {"BatchWriteItem": "_batch_write_item", "TransactWriteItems": "_transact_write_items"}
ASKED = "ReturnConsumedCapacity"
THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")
_BY_PART = ("Table", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")


def apply() -> None:
    from ministack.services import dynamodb

    for operation, name in {**READS, **WRITES}.items():
        setattr(dynamodb, name, _measured(operation, getattr(dynamodb, name)))


def _measured(operation: str, handle):
    def measured(data):
        asked, begun = data.get(ASKED) or "NONE", time.monotonic()
        if asked not in ("NONE", "TOTAL", "INDEXES"):
            return handle(data)
        status, headers, body = handle({**data, ASKED: "INDEXES"})
        latency, answer = round((time.monotonic() - begun) * 1000, 1), json.loads(body or b"{}")
        if status != 200:
            _count_refusal(operation, data, answer)
            return status, headers, body
        parts = _listed(answer.get("ConsumedCapacity") or [])
        for table in {part["TableName"] for part in parts}:
            by = {"TableName": table, "Operation": operation}
            points.add("AWS/DynamoDB", "SuccessfulRequestLatency", latency, "Milliseconds", by)
        for part in parts:
            _count_capacity("Read" if operation in READS else "Write", part)
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        return status, headers, json.dumps(_as_asked(answer, asked)).encode()

    return measured


def _count_refusal(operation: str, data: dict, answer: dict) -> None:
    code, table = str(answer.get("__type", "")).rpartition("#")[2], data.get("TableName")
    if table and code in THROTTLED:
        points.add("AWS/DynamoDB", "ThrottledRequests", 1, "Count", {"TableName": table, "Operation": operation})
    if table and code == "ConditionalCheckFailedException":
        points.add("AWS/DynamoDB", "ConditionalCheckFailedRequests", 1, "Count", {"TableName": table})


def _count_capacity(kind: str, part: dict) -> None:
    kind = "Read" if "ReadCapacityUnits" in part else kind  # a transaction that is repeated with its token only reads
    metric, table = f"Consumed{kind}CapacityUnits", {"TableName": part["TableName"]}
    own = part.get("Table") or part
    points.add("AWS/DynamoDB", metric, own.get("CapacityUnits", 0), "Count", table)
    for index, units in (part.get("GlobalSecondaryIndexes") or {}).items():
        by = {**table, "GlobalSecondaryIndexName": index}
        points.add("AWS/DynamoDB", metric, units.get("CapacityUnits", 0), "Count", by)


def _as_asked(answer: dict, asked: str) -> dict:
    """Returns the answer with as much about the capacity as the request asked for."""
    if asked == "NONE":
        return {name: value for name, value in answer.items() if name != "ConsumedCapacity"}
    if asked == "INDEXES" or "ConsumedCapacity" not in answer:
        return answer
    consumed = answer["ConsumedCapacity"]
    short = [{name: units for name, units in part.items() if name not in _BY_PART} for part in _listed(consumed)]
    return {**answer, "ConsumedCapacity": short if isinstance(consumed, list) else short[0]}


def _listed(consumed) -> list[dict]:
    return consumed if isinstance(consumed, list) else [consumed]
