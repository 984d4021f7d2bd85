"""Correction: Step Functions waits a hundredth of the time.

What AWS does ("Wait workflow state", "Error handling in Step Functions"): a Wait state lasts as long as the definition says,
and so does the pause before a retry. What stock MiniStack does: the same.

Tests have no time for that. ``SFN_WAIT_SCALE`` in the launcher's environment sets another scale (``0``: no waiting at all), and
so does ``POST /_ministack/config {"stepfunctions._SFN_WAIT_SCALE": 0}`` while it runs. Time-outs are not scaled.
"""

from __future__ import annotations

import os

SCALE = 0.01


def apply() -> None:
    from ministack.services import stepfunctions

    if "SFN_WAIT_SCALE" not in os.environ:  # which MiniStack reads by itself
        stepfunctions._SFN_WAIT_SCALE = SCALE
