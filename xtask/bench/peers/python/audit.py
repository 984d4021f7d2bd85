"""The audit consumer in Python: stream records in, the audit log's records out, by PutLogEvents."""

import hashlib
import json
import os
from base64 import b64decode
from datetime import UTC, datetime

import boto3
from boto3.dynamodb.types import TypeDeserializer

from tasks import FIELDS, now, timestamp

LOGS = boto3.client("logs")
GROUP = os.environ["AUDIT_LOG_GROUP"]
# One stream for each instance of the function: no two writers share one.
STREAM = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "audit")
STAGE = os.environ["STAGE"]
FREE_TEXT = ("title", "description")
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
            events.append({"timestamp": millis(audited), "message": canonical(audited)})
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
    images = change.get("OldImage"), change.get("NewImage")
    old, new = image(images[0] or {}), image(images[1] or {})
    written = new or old
    audited = {
        "schema": "task.audit/2",
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
            {"field": field, "old": shown(images[0], old, field), "new": shown(images[1], new, field)}
            for field in FIELDS
            if old.get(field) != new.get(field)
        ],
        "time": {
            "changed": written.get("updatedAt"),
            "streamed": timestamp(datetime.fromtimestamp(change["ApproximateCreationDateTime"], UTC)),
        },
        "source": {"streamArn": record["eventSourceARN"], "sequenceNumber": change["SequenceNumber"]},
        "integrity": dict(zip(("before", "after"), map(fingerprint, images), strict=True)),
    }
    audited["integrity"]["record"] = sha256(b"\0" + canonical(audited).encode())
    audited["time"]["audited"] = now()
    return audited


def image(attributes):
    """Returns the attributes that a record tells of. Bytes are not among them: Lambda sends text for those."""
    return {name: deserialize(attributes[name]) for name in READ if name in attributes}


def shown(attributes, image, field):
    """Returns a field's value: free text as its length and salted hash, everything else as it is."""
    value = image.get(field)
    if value is None or field not in FREE_TEXT:
        return value
    salt = b64decode(attributes["salt"]["B"])
    return {"length": len(value), "sha256": sha256(salt + value.encode())}


def fingerprint(attributes):
    return None if attributes is None else sha256(canonical(attributes).encode())


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def version(image):
    return int(image["version"]) if "version" in image else None


def action(old, new):
    if not old:
        return "task.created"
    if not new:
        return "task.purged" if "deletedBy" in old else "task.removed_out_of_band"
    return "task.deleted" if "deletedBy" in new else "task.updated"


def millis(audited):
    return int(datetime.fromisoformat(audited["time"]["streamed"]).timestamp() * 1_000)
