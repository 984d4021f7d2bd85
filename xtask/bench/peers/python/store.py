"""The table, by boto3's resource. Made at import: a warm function keeps the client and its connection."""

import os

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from tasks import FIELDS, index_keys, now

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
# What a task shows, and whether it is deleted. The service's items carry more, for its audit log.
READ = ("SK", *FIELDS, "version", "createdAt", "updatedAt", "createdBy", "updatedBy", "deletedBy")
ONLY_READ = {
    "ProjectionExpression": ", ".join(f"#{name}" for name in READ),
    "ExpressionAttributeNames": {f"#{name}": name for name in READ},
}


def key_of(owner, task_id):
    return {"PK": owner, "SK": f"TASK#{task_id}"}


def get(owner, task_id):
    """Returns the item of a live task, or None."""
    item = TABLE.get_item(Key=key_of(owner, task_id), ConsistentRead=True, **ONLY_READ).get("Item")
    return None if item is None or "deletedBy" in item else item


def create(item):
    TABLE.put_item(Item=item, ConditionExpression="attribute_not_exists(PK)")


def page(owner, limit, after):
    """Returns a page of items, newest first, and the key of the last one if there may be more."""
    start = {"ExclusiveStartKey": {"PK": owner, "SK": after}} if after else {}
    condition = Key("PK").eq(owner) & Key("SK").begins_with("TASK#")
    found = TABLE.query(
        KeyConditionExpression=condition, Limit=limit, ScanIndexForward=False, **ONLY_READ, **start
    )
    items = [item for item in found["Items"] if "deletedBy" not in item]
    return items, found.get("LastEvaluatedKey", {}).get("SK")


def update(owner, task_id, principal, fields):
    """Changes a live task; returns its new item, or None if there is no such task."""
    key = key_of(owner, task_id)
    attributes = {**fields, **index_keys(owner, key["SK"], fields), "updatedAt": now(), "updatedBy": principal}
    changed = {name: value for name, value in attributes.items() if value is not None}
    expression = "SET version = version + :one, " + ", ".join(f"#{name} = :{name}" for name in changed)
    cleared = [f"#{name}" for name in attributes if name not in changed]
    if cleared:
        expression += " REMOVE " + ", ".join(cleared)
    try:
        return TABLE.update_item(
            Key=key,
            UpdateExpression=expression,
            ConditionExpression="attribute_exists(PK) AND attribute_not_exists(deletedBy)",
            ExpressionAttributeNames={f"#{name}": name for name in attributes},
            ExpressionAttributeValues={":one": 1, **{f":{name}": value for name, value in changed.items()}},
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as error:
        return none_if_refused(error)


def delete(owner, task_id):
    """Deletes a task; returns its key, or None if there is no such task."""
    key = key_of(owner, task_id)
    condition = "attribute_exists(PK) AND attribute_not_exists(deletedBy)"
    try:
        TABLE.delete_item(Key=key, ConditionExpression=condition)
    except ClientError as error:
        return none_if_refused(error)
    return key


def none_if_refused(error):
    """Returns None for a condition that did not hold; raises any other error."""
    if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
        return None
    raise error
