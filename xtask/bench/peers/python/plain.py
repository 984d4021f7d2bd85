"""The task service in plain Python: json, boto3, and one handler for all routes."""

import json
import logging

import store
from tasks import Invalid, checked, new_item, task_of

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def handler(event, context):
    try:
        status, body = route(event)
    except (Invalid, json.JSONDecodeError) as error:
        status, body = 400, {"message": str(error)}
    logger.info("%s %s %s", event["httpMethod"], event["path"], status)
    answer = {"statusCode": status, "headers": {"Content-Type": "application/json"}}
    return answer if body is None else {**answer, "body": json.dumps(body)}


def route(event):
    caller = event["requestContext"]["authorizer"]
    owner, principal = caller["owner"], caller["principalId"]
    match event["httpMethod"], event["path"].strip("/").split("/"):
        case "GET", ["tasks", task_id]:
            return found(store.get(owner, task_id))
        case "GET", ["tasks"]:
            return listed(owner, event.get("queryStringParameters") or {})
        case "POST", ["tasks"]:
            item = new_item(owner, principal, checked(json.loads(event["body"])))
            store.create(item)
            return 201, task_of(item)
        case "PUT", ["tasks", task_id]:
            return found(store.update(owner, task_id, principal, checked(json.loads(event["body"]))))
        case "DELETE", ["tasks", task_id]:
            return found(None) if store.delete(owner, task_id) is None else (204, None)
        case _:
            return 404, {"message": "no such route"}


def found(item):
    return (404, {"message": "no such task"}) if item is None else (200, task_of(item))


def listed(owner, parameters):
    limit = parameters.get("limit", "50")
    if not limit.isdecimal() or limit == "0":
        raise Invalid("limit must be a positive number")
    items, last = store.page(owner, min(int(limit), 100), parameters.get("cursor"))
    return 200, {"items": [task_of(item) for item in items], "nextCursor": last}
