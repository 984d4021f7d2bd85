"""Correction: a rule of a template is one that EventBridge would take, and its schedule counts from its creation.

What AWS does ("PutRule", "Setting a schedule pattern for scheduled rules (legacy) in Amazon EventBridge"): a rule has a pattern,
a schedule or both; ``rate(1 minute)`` and ``rate(5 minutes)`` are valid, ``rate(1 minutes)`` and ``rate(5 minute)`` are not; a
schedule works on the default bus alone. CloudFormation calls PutRule and PutTargets and fails with their refusals. The countdown
of a rate begins when the rule is created.

What stock MiniStack does: takes all of these, checks no rule of a template, and starts its countdown when it first looks.
"""

from __future__ import annotations

import json
import re

from local.corrections.cloudformation.handlers import service_failure

RULE = "AWS::Events::Rule"
_RATE = re.compile(r"rate\((?:1 (?:minute|hour|day)|(?!0|1 )\d+ (?:minute|hour|day)s)\)")


def apply() -> None:
    from ministack.core.responses import error_response_json
    from ministack.services import eventbridge
    from ministack.services.cloudformation import provisioners

    put = eventbridge._put_rule

    def put_checked(data):
        why = _refusal(data)
        return error_response_json("ValidationException", why, 400) if why else put(data)

    eventbridge._put_rule = put_checked
    handlers = provisioners._RESOURCE_HANDLERS[RULE]
    handlers["create"] = _through_the_service(handlers["create"])


def _refusal(data: dict) -> str | None:
    schedule = data.get("ScheduleExpression") or ""
    if not schedule and not data.get("EventPattern"):
        return "Parameter(s) EventPattern or ScheduleExpression must be specified."
    if schedule.startswith("rate") and not _RATE.fullmatch(schedule):
        return "Parameter ScheduleExpression is not valid."
    if schedule and data.get("EventBusName", "default") != "default":
        return "ScheduleExpression is supported only on the default event bus."
    return None


def _through_the_service(create):
    """Returns a handler that puts the rule and its targets as the service's calls do."""
    from ministack.services import eventbridge

    def created(*given, **named):
        eventbridge._ensure_default_bus()
        name, attributes = create(*given, **named)
        key = next(key for key, rule in eventbridge._rules.items() if rule["Arn"] == attributes["Arn"])
        rule, targets = eventbridge._rules.pop(key), eventbridge._targets.pop(key)
        tags = eventbridge._tags.get(rule["Arn"])
        answers = [eventbridge._put_rule(rule)]
        if answers[0][0] == 200 and targets:
            answers.append(eventbridge._put_targets({"Rule": name, "EventBusName": rule["EventBusName"], "Targets": targets}))
        status, _, body = answers[-1]
        if status >= 400:
            eventbridge._rules.pop(key, None)
            raise service_failure(json.loads(body).get("message", ""), "EventBridge", status, "InvalidRequest")
        if tags:
            eventbridge._tags[rule["Arn"]] = tags
        return name, attributes

    return created
