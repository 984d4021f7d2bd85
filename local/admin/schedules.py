"""Fires the schedules that are due, now or at a pretended time (``POST /_local/schedules``).

They are the schedules of EventBridge Scheduler and the rules of EventBridge that have one. On its own, MiniStack looks every ten
seconds. It fires one-shot and recurring ones at functions, queues and state machines. What fired at a pretended time has fired:
it is due again only after that.
"""

from __future__ import annotations

import contextlib
import threading
import time
from types import SimpleNamespace

_running = threading.Lock()


def run(now: float | None = None, account: str | None = None) -> dict[str, list[str]]:
    """Fires everything that is due (at ``now``, epoch seconds, if given; in one account, if given).

    Returns the names of the schedules, as ``group/name``, and those of the rules.
    """
    at = time.time() if now is None else float(now)
    with _running:
        return {"fired": _schedules(at, account), "rules": _rules(at, account)}


def _schedules(at: float, account: str | None) -> list[str]:
    from ministack.services import scheduler

    existing = dict(scheduler._schedules._data)
    created = {key: schedule.get("CreationDate", at) for key, schedule in existing.items()}
    recurring = {key: when for key, when in created.items() if not existing[key]["ScheduleExpression"].startswith("at(")}
    with _fired(scheduler._schedule_last_fired, recurring, set(existing), account, at) as fired:
        scheduler.time = SimpleNamespace(time=lambda: at, sleep=time.sleep)
        try:
            scheduler._tick_schedules()
        finally:
            scheduler.time = time
    return sorted(key[2] for key in fired | (set(existing) - set(scheduler._schedules._data)))


def _rules(at: float, account: str | None) -> list[str]:
    from ministack.services import eventbridge

    rules = {key: rule for key, rule in eventbridge._rules._data.items() if rule.get("ScheduleExpression")}
    created = {key: rule.get("CreationTime", at) for key, rule in rules.items()}
    here, real = threading.get_ident(), eventbridge._now_ts
    with _fired(eventbridge._rule_last_fired, created, set(rules), account, at) as fired:
        eventbridge._now_ts = lambda: at if threading.get_ident() == here else real()
        try:
            eventbridge._tick_scheduled_rules()
        finally:
            eventbridge._now_ts = real
    return sorted(rules[key]["Name"] for key in fired)


@contextlib.contextmanager
def _fired(last: dict, created: dict, known: set, account: str | None, at: float):
    """Yields a set that holds, in the end, what has fired since; what is another account's cannot fire meanwhile.

    ``last`` holds when each fired last. What never has counts from its creation.
    """
    others = {key: last.get(key) for key in known if account not in (None, key[0])}
    for key, when in created.items():
        last.setdefault(key, when)
    last.update(dict.fromkeys(others, at))
    before, fired = dict(last), set()
    yield fired
    fired |= {key for key in known - set(others) if last.get(key) == at and before.get(key) != at}
    for key, when in others.items():
        last.pop(key) if when is None else last.update({key: when})
