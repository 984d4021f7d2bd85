"""The on-failure destination of a DynamoDB stream's event source mapping (part of the correction ``stream_mapping``).

What AWS does ("Retain discarded records for a DynamoDB event source in Lambda"): SQS and SNS get metadata only; S3 gets an
object that also holds the whole invocation payload, as an escaped JSON string, under the key
``aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>``.

What stock MiniStack does: SQS and SNS only.
"""

from __future__ import annotations

import functools
import json
import logging
import uuid
from datetime import UTC, datetime

logger = logging.getLogger(__name__)


def send(
    esm: dict, function: dict, records: list[dict], result: dict, condition: str, invocations: int, shard: str
) -> bool | None:
    """Sends a discarded batch to the mapping's destination, if it has one, and returns whether it arrived there."""
    from ministack.services import lambda_svc

    destination = ((esm.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    logger.warning("%s: %d records discarded (%s) to %s", esm["FunctionName"], len(records), condition, destination)
    if not destination:
        return None
    if not destination.startswith("arn:aws:s3:::"):
        lambda_svc._send_ddb_stream_failure_record(esm, function, records, esm["EventSourceArn"], result, condition)
        return True
    now = datetime.now(UTC)
    record = _record(esm, function, records, condition, invocations, now, shard)
    record["payload"] = json.dumps({"Records": records})
    key = object_key(esm["UUID"], shard, now)
    return _put(destination.removeprefix("arn:aws:s3:::"), key, json.dumps(record).encode())


def object_key(mapping: str, shard: str, at: datetime) -> str:
    return f"aws/lambda/{mapping}/{shard}/{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def _record(
    esm: dict, function: dict, records: list[dict], condition: str, invocations: int, now: datetime, shard: str
) -> dict:
    config = function.get("config") or function
    first, last = records[0]["dynamodb"], records[-1]["dynamodb"]
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": config.get("FunctionArn", ""),
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": config.get("Version", "$LATEST"),
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first["SequenceNumber"],
            "endSequenceNumber": last["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _arrival(first, now),
            "approximateArrivalOfLastRecord": _arrival(last, now),
            "batchSize": len(records),
            "streamArn": esm["EventSourceArn"],
        },
    }


def _arrival(change: dict, now: datetime) -> str:
    created = change.get("ApproximateCreationDateTime")
    at = now if created is None else datetime.fromtimestamp(float(created), UTC)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _put(bucket: str, key: str, body: bytes) -> bool:
    from ministack.app import call_service_handler_sync
    from ministack.services import s3

    headers = {"host": "s3.amazonaws.com", "content-type": "application/json", "content-length": str(len(body))}
    # The call is not signed: ``functions.role`` has asked whether the function's role may write there.
    put = functools.partial(s3.handle_request, internal=True)
    status, _, answer = call_service_handler_sync(
        put, "PUT", f"/{bucket}/{key}", headers, body, {}, timeout=30
    )
    if status != 200:
        logger.error("on-failure destination %s refused a record: %s %s", bucket, status, answer)
    return status == 200
