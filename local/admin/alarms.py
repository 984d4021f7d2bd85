"""Evaluates CloudWatch's alarms now, or at a pretended time (``POST /_local/alarms``)."""

from __future__ import annotations

import time

from local.corrections.cloudwatch.alarms import evaluate_all


def run(now: float | None = None, account: str | None = None) -> dict[str, dict[str, str]]:
    """Evaluates the alarms (of one account, if given) and returns the new states of those that changed, by name."""
    return {"changed": evaluate_all(time.time() if now is None else float(now), account)}
