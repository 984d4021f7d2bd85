"""Tests of ``cloudwatch.eviction``."""

from __future__ import annotations

import pytest

from local.corrections.cloudwatch.eviction import again_when_disturbed


def test_a_walk_that_a_new_metric_disturbs_is_made_again():
    metrics = {"a": [], "b": []}
    walks = []

    def walk() -> None:
        walks.append(None)
        for _ in metrics:
            if len(walks) == 1:
                metrics[f"new {len(metrics)}"] = []

    again_when_disturbed(walk)()
    assert len(walks) == 2


def test_another_error_is_not_hidden():
    def walk() -> None:
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        again_when_disturbed(walk)()
