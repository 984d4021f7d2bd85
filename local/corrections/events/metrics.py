"""Correction: a rule counts the events that it matched.

What AWS does ("Monitoring Amazon EventBridge", "How do I troubleshoot EventBridge rules?"): ``TriggeredRules`` in AWS/Events counts
the times a rule matched an event, before any target is called; with the dimension RuleName for the default bus, and EventBusName
beside it for another.

What stock MiniStack does: emits nothing. Here, rules with a schedule count nothing still.
"""

from __future__ import annotations

from local.corrections.cloudwatch import points

_OWNER = "rule "


def apply() -> None:
    from ministack.services import eventbridge

    matches = eventbridge._matches_pattern_view

    def counted(pattern, view, owner="rule"):
        matched = matches(pattern, view, owner)
        if matched and owner.startswith(_OWNER):  # an event on a bus; archives and tests of a pattern name another owner
            rule = eventbridge._rules[owner.removeprefix(_OWNER)]
            points.add("AWS/Events", "TriggeredRules", 1, "Count", _dimensions(rule))
        return matched

    eventbridge._matches_pattern_view = counted


def _dimensions(rule: dict) -> dict[str, str]:
    bus = rule.get("EventBusName", "default")
    return {"RuleName": rule["Name"], **({} if bus == "default" else {"EventBusName": bus})}
