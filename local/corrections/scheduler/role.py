"""Correction: a schedule calls its target with the schedule's role (with ``AUTH=true``).

What AWS does ("Setting up EventBridge Scheduler"): the target is called with the role that the schedule names, and is not
called if that role may not do it.

What stock MiniStack does: calls it, whatever the role may do.
"""

from __future__ import annotations

import logging

from local.corrections.iam import authority

logger = logging.getLogger(__name__)

# The service in the target's ARN → the action that calls it.
_ACTIONS = {"states": "states:StartExecution", "lambda": "lambda:InvokeFunction", "events": "events:PutEvents"}


def apply() -> None:
    from ministack.services import eventbridge

    if not authority.on():
        return
    invoke = eventbridge._invoke_target

    def invoke_as(target, event, rule, *more):
        role, arn = target.get("RoleArn"), target.get("Arn", "")
        action = _ACTIONS.get(arn.split(":")[2] if arn.count(":") > 2 else "")
        if role and action and not authority.may(role, action, arn):
            logger.warning("target not called: %s", authority.denial(role, "scheduler", action, arn))
            return
        invoke(target, event, rule, *more)

    eventbridge._invoke_target = invoke_as
