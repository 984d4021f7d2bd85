"""The plan of faults: which AWS call fails, how, and how often.

A rule selects calls (by ``service``, ``action``, ``caller``, ``account``, ``match`` and ``event``, each optional) and says what
happens to the ``nth`` of them (default 1) and to the ``times - 1`` that follow (default 1; -1: all). Counting starts when the
rule is set.
If several rules hit the same call, the first decides.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from local.door import processes
from local.door.awscall import AwsCall


class BadRule(ValueError):
    """A rule that makes no sense; the text says why."""


@dataclass
class Rule:
    service: str | None
    action: str | None
    caller: str | None
    account: str | None
    match: str | None
    event: dict | None
    nth: int
    times: int
    effect: dict
    seen: int = 0
    hits: int = 0

    def covers(self, call: AwsCall, body: bytes) -> bool:
        return (
            self.service in (None, "*", call.service)
            and self.action in (None, "*", call.action)
            and self.caller in (None, "*", call.caller)
            and self.account in (None, call.account)
            and (self.match is None or self.match.encode() in body)
            and (self.event is None or any(_holds(event, self.event) for event in processes.events(call.caller)))
        )


def _holds(event, part) -> bool:
    """Tells whether an event has all that is in ``part``, at any depth."""
    if not isinstance(part, dict):
        return event == part
    return isinstance(event, dict) and all(_holds(event.get(name), value) for name, value in part.items())


class Plan:
    """The rules now in force."""

    def __init__(self):
        self._rules: list[Rule] = []

    def add(self, given) -> None:
        """Adds one rule or a list of rules, all or none of them."""
        self._rules += [_rule(one) for one in (given if isinstance(given, list) else [given])]

    def clear(self, account: str | None = None) -> None:
        """Forgets all rules, or those of one account."""
        self._rules[:] = [rule for rule in self._rules if account not in (None, rule.account)]

    def shown(self) -> list[dict]:
        return [asdict(rule) for rule in self._rules]

    def effect(self, call: AwsCall, body: bytes) -> dict | None:
        """Counts the call in every rule that covers it and returns the effect of the first that hits."""
        effect = None
        for rule in self._rules:
            if not rule.covers(call, body):
                continue
            rule.seen += 1
            due = rule.seen >= rule.nth and (rule.times < 0 or rule.seen < rule.nth + rule.times)
            if due and effect is None:
                rule.hits += 1
                effect = rule.effect
        return effect


# The one plan: the admin endpoint sets it, the door and CloudFormation's resource handlers ask it.
PLAN = Plan()


def _rule(given) -> Rule:
    if not isinstance(given, dict):
        raise BadRule("a rule is a JSON object")
    names = ("service", "action", "caller", "account", "match", "event", "nth", "times", "effect")
    if unknown := set(given) - set(names):
        raise BadRule(f"unknown: {', '.join(sorted(unknown))}; a rule has {', '.join(names)}")
    rule = Rule(
        *(given.get(name) for name in names[:6]),
        given.get("nth", 1),
        given.get("times", 1),
        _effect(given.get("effect")),
    )
    if not all(isinstance(n, int) for n in (rule.nth, rule.times)) or rule.nth < 1:
        raise BadRule("nth is a number from 1 on, times a number")
    if not isinstance(rule.event, dict | None):
        raise BadRule("event is a JSON object: what the caller's event has to hold")
    return rule


def _effect(given) -> dict:
    if not isinstance(given, dict) or not given:
        raise BadRule("effect is missing")
    if unknown := set(given) - {"error", "delayMs", "dropAnswer", "killCaller", "then"}:
        raise BadRule(f"unknown effect: {', '.join(sorted(unknown))}")
    failure = given.get("error")
    if failure is not None and not (
        isinstance(failure, dict) and isinstance(failure.get("status"), int) and failure.get("code")
    ):
        raise BadRule("effect.error is {status, code, message}")
    if given.get("killCaller") not in (None, "before", "after"):
        raise BadRule('effect.killCaller is "before" or "after"')
    if "then" in given and not (isinstance(given["then"], dict) and given.get("dropAnswer")):
        raise BadRule("effect.then is the input of a call of the same kind, made before the answer is dropped")
    return given
