"""The state of an alarm, from the data points of its evaluation range.

"Configuring how CloudWatch alarms treat missing data": CloudWatch retrieves more data points than there are evaluation periods.
If as many as that are real, the most recent of them decide. Otherwise all real ones count, and the missing ones are filled in.
An alarm is not raised early: where missing data is neither breaching nor within the threshold, fewer breaching points than
needed raise it only once the oldest is as old as the number needed, and nothing else was seen since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
# How many more points are retrieved is documented by two examples of 5 for 3 periods.
MORE_POINTS = 2


@dataclass(frozen=True)
class Rule:
    """``needed`` of ``periods`` data points have to be breaching."""

    periods: int
    needed: int
    missing: str = "missing"


def state(rule: Rule, points: Sequence[bool | None], current: str) -> str:
    """Returns the alarm's state for points from oldest to newest: breaching, not breaching, or missing (None)."""
    real = [(age, breaching) for age, breaching in enumerate(reversed(points)) if breaching is not None]
    used = real[: rule.periods]
    breaching = sum(breaches for _, breaches in used)
    if rule.missing == "breaching":
        breaching += rule.periods - len(used)
    if breaching >= rule.needed:
        return ALARM
    if len(used) == rule.periods or rule.missing in ("breaching", "notBreaching"):
        return OK
    if not all(breaches for _, breaches in used):
        return OK
    if rule.missing == "ignore":
        return current
    oldest = used[-1][0] + 1 if used else 0
    return ALARM if used and oldest >= rule.needed else INSUFFICIENT_DATA
