"""Fires the EventBridge schedules that are due, now or at a pretended time (``POST /_local/schedules``).

On its own, MiniStack looks every ten seconds. It fires one-shot and recurring schedules at functions, queues and state
machines.
"""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

_running = threading.Lock()


def run(now: float | None = None) -> list[str]:
    """Fires every schedule that is due (at ``now``, epoch seconds, if given) and returns their names as ``group/name``."""
    from ministack.services import scheduler

    at = time.time() if now is None else float(now)
    with _running:
        before = dict(scheduler._schedule_last_fired)
        existing = set(scheduler._schedules._data)
        scheduler.time = SimpleNamespace(time=lambda: at, sleep=time.sleep)
        try:
            scheduler._tick_schedules()
        finally:
            scheduler.time = time
        fired = {key for key, when in scheduler._schedule_last_fired.items() if when == at and before.get(key) != at}
        return sorted(key[2] for key in fired | (existing - set(scheduler._schedules._data)))
