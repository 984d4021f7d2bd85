"""Correction: a metric that arrives while old points are cleared away is no error of the call that clears.

What AWS does: calls at the same time do not disturb each other.

What stock MiniStack does: each call clears the points of two weeks ago first, in a walk over all metrics; one that another thread
adds meanwhile ends the walk, and the call is answered with an InternalError.
"""

from __future__ import annotations

from collections.abc import Callable


def apply() -> None:
    from ministack.services import cloudwatch

    cloudwatch._evict_old_metrics = again_when_disturbed(cloudwatch._evict_old_metrics)


def again_when_disturbed(walk: Callable[[], None]) -> Callable[[], None]:
    def walk_to_the_end() -> None:
        while True:
            try:
                return walk()
            except RuntimeError as error:
                if "changed size during iteration" not in str(error):
                    raise

    return walk_to_the_end
