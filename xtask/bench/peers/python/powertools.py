"""The task service with Powertools for AWS Lambda: its router and its logger."""

from json import JSONDecodeError

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError
from aws_lambda_powertools.logging import correlation_paths

import store
from tasks import Invalid, checked, new_item, task_of

logger = Logger(service="tasks")
app = APIGatewayRestResolver()


def caller():
    context = app.current_event.request_context.authorizer
    return context["owner"], context["principalId"]


def body():
    try:
        return checked(app.current_event.json_body)
    except JSONDecodeError as error:
        raise BadRequestError(str(error)) from error


@app.exception_handler(Invalid)
def invalid(error):
    raise BadRequestError(str(error))


@app.get("/tasks/<task_id>")
def get_task(task_id: str):
    owner, _ = caller()
    return found(store.get(owner, task_id))


@app.get("/tasks")
def list_tasks():
    owner, _ = caller()
    parameters = app.current_event.query_string_parameters
    limit = parameters.get("limit", "50")
    if not limit.isdecimal() or limit == "0":
        raise BadRequestError("limit must be a positive number")
    items, last = store.page(owner, min(int(limit), 100), parameters.get("cursor"))
    return {"items": [task_of(item) for item in items], "nextCursor": last}


@app.post("/tasks")
def create_task():
    owner, principal = caller()
    item = new_item(owner, principal, body())
    store.create(item)
    return task_of(item), 201


@app.put("/tasks/<task_id>")
def update_task(task_id: str):
    owner, principal = caller()
    return found(store.update(owner, task_id, principal, body()))


@app.delete("/tasks/<task_id>")
def delete_task(task_id: str):
    owner, _ = caller()
    if store.delete(owner, task_id) is None:
        raise NotFoundError("no such task")
    return Response(status_code=204)


def found(item):
    if item is None:
        raise NotFoundError("no such task")
    return task_of(item)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event, context):
    answer = app.resolve(event, context)
    logger.info("answered", extra={"method": event["httpMethod"], "path": event["path"], "status": answer["statusCode"]})
    return answer
