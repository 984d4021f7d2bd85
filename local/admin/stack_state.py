"""Puts a stack into a state that is slow or hard to reach, for tests (``POST /_local/stack``)."""

from __future__ import annotations

from local.door.faults import BadRule
from local.environment import ACCOUNT, REGION

FORM = '{"stack": name or id, "status": …, "reason": …, "role": ARN or null, "protected": true or false, "account": …}'


def put(given) -> dict:
    """Changes what the request gives and returns the stack's new state. ``role: null`` removes its execution role."""
    from ministack.core.responses import request_scope
    from ministack.services.cloudformation import handlers, stacks

    known = {"stack", "status", "reason", "role", "protected", "account"}
    if not isinstance(given, dict) or not isinstance(given.get("stack"), str) or set(given) - known:
        raise BadRule(f"the body is {FORM}")
    with request_scope(given.get("account", ACCOUNT), REGION):
        stack = handlers._resolve_stack(given["stack"])
        if stack is None:
            raise BadRule(f"there is no stack {given['stack']}")
        if "status" in given:
            stack["StackStatus"], stack["StackStatusReason"] = given["status"], given.get("reason", "")
            identity = (stack["StackId"], stack["StackName"], stack["StackName"])
            stacks._add_event(
                *identity, "AWS::CloudFormation::Stack", given["status"], given.get("reason", ""), stack["StackId"]
            )
        if "role" in given:
            stack["RoleARN"] = given["role"] or ""
        if "protected" in given:
            stack["EnableTerminationProtection"] = bool(given["protected"])
    shown = ("StackId", "StackName", "StackStatus", "RoleARN", "EnableTerminationProtection")
    return {name: stack.get(name) for name in shown}
