"""Smoke test of ``step_functions.waits``."""

from __future__ import annotations

import time

from local.tests.machines import Machine


def seconds(aws, wait: int) -> float:
    """Returns how long a machine takes that waits for so many seconds."""
    machine, begun = Machine(aws, {"Wait": {"Type": "Wait", "Seconds": wait, "End": True}}), time.monotonic()
    assert machine.ended(machine.start())["status"] == "SUCCEEDED"
    return time.monotonic() - begun


def test_a_wait_is_short(aws):
    assert seconds(aws, 100) < 5


def test_stock_waits_as_long_as_it_says(stock):
    assert seconds(stock, 1) >= 1
