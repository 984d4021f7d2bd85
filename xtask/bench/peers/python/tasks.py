"""The rules of a task, and its form in the table (functions/tasks/src/item.rs)."""

import os
import time
from datetime import UTC, datetime
from uuid import UUID

FIELDS = ("title", "description", "status", "priority", "dueAt", "assignee")
STATUSES = ("PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED")
PRIORITIES = ("LOW", "NORMAL", "HIGH")
OPEN = ("PENDING", "IN_PROGRESS")


class Invalid(Exception):
    """A body that breaks a rule; the text is for the client."""


def new_id():
    """Returns a UUIDv7, which Python 3.11 does not make by itself."""
    bits = int.from_bytes(os.urandom(16)) >> 48 | time.time_ns() // 1_000_000 << 80
    return str(UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


def now():
    return timestamp(datetime.now(UTC))


def timestamp(moment):
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def task_of(item):
    """Returns the task of an item, as clients see it."""
    return {
        "id": item["SK"].removeprefix("TASK#"),
        "title": item["title"],
        "description": item["description"],
        "status": item["status"],
        "priority": item["priority"],
        "dueAt": item.get("dueAt"),
        "assignee": item.get("assignee"),
        "version": int(item["version"]),
        "createdAt": item["createdAt"],
        "updatedAt": item["updatedAt"],
        "createdBy": item["createdBy"],
        "updatedBy": item["updatedBy"],
    }


def new_item(owner, principal, fields):
    """Returns the item of a new task."""
    if "title" not in fields:
        raise Invalid("title is required")
    at = now()
    defaults = {"description": "", "status": "PENDING", "priority": "NORMAL"}
    item = {
        "PK": owner,
        "SK": f"TASK#{new_id()}",
        "version": 1,
        "createdAt": at,
        "updatedAt": at,
        "createdBy": principal,
        "updatedBy": principal,
        **defaults,
        **fields,
    }
    item.update(index_keys(owner, item["SK"], item))
    return {name: value for name, value in item.items() if value is not None}


def index_keys(owner, sort_key, fields):
    """Returns the keys of the indexes that follow from these fields, None where there is none."""
    task_id = sort_key.removeprefix("TASK#")
    keys = {}
    if "status" in fields:
        keys["statusKey"] = f"{fields['status']}#{task_id}"
        keys["openOwner"] = owner if fields["status"] in OPEN else None
    if "assignee" in fields:
        assignee = fields["assignee"]
        keys["assigneeKey"] = assignee and f"{assignee.replace('%', '%25').replace('#', '%23')}#{task_id}"
    return keys


def checked(body):
    """Returns the fields of a body."""
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object")
    unknown = body.keys() - RULES.keys()
    if unknown:
        raise Invalid(f"{min(unknown)} is not a field")
    return {name: RULES[name](name, value) for name, value in body.items()}


def line(most):
    """Returns the rule of a line of at most so many characters."""

    def rule(name, value):
        trimmed = text(most)(name, value).strip()
        if not trimmed or not trimmed.isprintable():
            raise Invalid(f"{name} must be a line of visible characters")
        return trimmed

    return rule


def text(most):
    def rule(name, value):
        if not isinstance(value, str) or len(value) > most:
            raise Invalid(f"{name} must be a string of at most {most} characters")
        return value

    return rule


def one_of(values):
    def rule(name, value):
        if value not in values:
            raise Invalid(f"{name} must be one of {', '.join(values)}")
        return value

    return rule


def nullable(rule):
    return lambda name, value: None if value is None else rule(name, value)


def moment(name, value):
    try:
        parsed = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise Invalid(f"{name} must be an RFC 3339 timestamp or null")
    return timestamp(parsed)


RULES = {
    "title": line(200),
    "description": text(4_000),
    "status": one_of(STATUSES),
    "priority": one_of(PRIORITIES),
    "dueAt": nullable(moment),
    "assignee": nullable(line(100)),
}
