"""The audit consumer in Python: stream records in, one audit record each out, by PutLogEvents."""

import json
import os
from datetime import UTC, datetime

import boto3
from boto3.dynamodb.types import TypeDeserializer

from tasks import FIELDS, now, timestamp

LOGS = boto3.client("logs")
GROUP = os.environ["AUDIT_LOG_GROUP"]
# One stream for each instance of the function: no two writers share one.
STREAM = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "audit")
STAGE = os.environ["STAGE"]
READ = (*FIELDS, "version", "updatedAt", "actor", "request", "deletedBy")
deserialize = TypeDeserializer().deserialize


def handler(event, context):
    events, first = [], None
    for record in event["Records"]:
        try:
            audited = audit_record(record)
        except (KeyError, TypeError, AttributeError):
            # What came before it is written; the stream goes on from here.
            return failed_at(put(events), first) or failed_at(False, sequence_number(record))
        if audited:
            first = first or sequence_number(record)
            events.append({"timestamp": millis(audited), "message": json.dumps(audited)})
    return failed_at(put(events), first) or {"batchItemFailures": []}


def sequence_number(record):
    return record["dynamodb"]["SequenceNumber"]


def failed_at(is_written, number):
    return None if is_written else {"batchItemFailures": [{"itemIdentifier": number}]}


def put(events):
    """Writes the events in the order of their times, as CloudWatch Logs wants them; returns whether it took them all."""
    if not events:
        return True
    events.sort(key=lambda event: event["timestamp"])
    try:
        try:
            answer = LOGS.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
        except LOGS.exceptions.ResourceNotFoundException:
            LOGS.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
            answer = LOGS.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    except LOGS.exceptions.ClientError as error:
        print(json.dumps({"level": "ERROR", "message": str(error)}))
        return False
    return "rejectedLogEventsInfo" not in answer


def audit_record(record):
    """Returns the audit record of a change of a task, or None for another item."""
    change = record["dynamodb"]
    owner, sort_key = change["Keys"]["PK"]["S"], change["Keys"]["SK"]["S"]
    if not sort_key.startswith("TASK#"):
        return None
    old, new = image(change.get("OldImage", {})), image(change.get("NewImage", {}))
    written = new or old
    streamed = timestamp(datetime.fromtimestamp(change["ApproximateCreationDateTime"], UTC))
    return {
        "eventId": record["eventID"],
        "stage": STAGE,
        "action": action(old, new),
        "outcome": "success",
        "actor": written.get("actor"),
        "request": written.get("request"),
        "task": {
            "owner": owner,
            "id": sort_key.removeprefix("TASK#"),
            "versionBefore": version(old),
            "versionAfter": version(new),
        },
        "changes": [
            {"field": field, "old": old.get(field), "new": new.get(field)}
            for field in FIELDS
            if old.get(field) != new.get(field)
        ],
        "time": {"changed": written.get("updatedAt"), "streamed": streamed, "audited": now()},
        "source": {"streamArn": record["eventSourceARN"], "sequenceNumber": change["SequenceNumber"]},
    }


def image(attributes):
    """Returns the attributes that a record tells of. Bytes are not among them: Lambda sends text for those."""
    return {name: deserialize(attributes[name]) for name in READ if name in attributes}


def version(image):
    return int(image["version"]) if "version" in image else None


def action(old, new):
    if not old:
        return "task.created"
    if not new:
        return "task.purged" if "deletedBy" in old else "task.removed_out_of_band"
    return "task.deleted" if "deletedBy" in new else "task.updated"


def millis(audited):
    changed = audited["time"]["changed"] or audited["time"]["streamed"]
    return int(datetime.fromisoformat(changed).timestamp() * 1_000)
