"""CloudFormation's resource handlers: how one fails, and how a correction comes before or after one.

A handler is the function of MiniStack that creates, updates or deletes the resources of one type. It does not call the
service's API, so a check that a correction adds to the API does not apply to templates: the correction has to add it here too.
"""

from __future__ import annotations

import uuid


class HandlerFailure(Exception):
    """A resource handler's failure, in the words that CloudFormation puts into ResourceStatusReason."""

    def __init__(self, message: str, code: str):
        super().__init__(
            f'Resource handler returned message: "{message}" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})'
        )


def service_failure(message: str, service: str, status: int, code: str) -> HandlerFailure:
    """Returns the failure of a handler whose call to a service failed."""
    call = f"(Service: {service}, Status Code: {status}, Request ID: {uuid.uuid4()}) (SDK Attempt Count: 1)"
    return HandlerFailure(f"{message} {call}", code)


def check_before(kind: str, check, operations: tuple[str, ...] = ("create", "update")) -> None:
    """Calls ``check(properties)`` with the template's properties before a resource is created or updated."""
    handlers = _of(kind)
    # create(logical_id, properties, …), update(physical_id, old_properties, properties, …)
    for operation, place in (("create", 1), ("update", 2)):
        if operation in operations:
            handlers[operation] = _checked(handlers[operation], check, place)


def complete_after(kind: str, complete) -> None:
    """Calls ``complete(physical_id, properties)`` once a resource is created or updated."""
    handlers = _of(kind)
    for operation, place in (("create", 1), ("update", 2)):
        handlers[operation] = _completed(handlers[operation], complete, place)


def _of(kind: str) -> dict:
    from ministack.services.cloudformation import provisioners

    return provisioners._RESOURCE_HANDLERS[kind]


def _checked(handler, check, place: int):
    def checked(*given, **named):
        check(given[place])
        return handler(*given, **named)

    return checked


def _completed(handler, complete, place: int):
    def completed(*given, **named):
        physical_id, attributes = handler(*given, **named)
        complete(physical_id, given[place])
        return physical_id, attributes

    return completed
