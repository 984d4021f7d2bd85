"""Correction: GetMetricStatistics reads a metric by exactly its dimensions.

What AWS does ("Dimensions", in "CloudWatch concepts"): each combination of dimensions is a metric of its own, also that of none.
Statistics are those of exactly the dimensions asked for: "you can't retrieve statistics using combinations of dimensions that you
didn't specifically publish".

What stock MiniStack does: asked for none, it answers with the points of all.
"""

from __future__ import annotations


class Exactly(dict):
    """Dimensions to ask for. That there are none says something, too."""

    def __bool__(self) -> bool:
        return True


def apply() -> None:
    from ministack.services import cloudwatch

    read = cloudwatch._dims_from_list
    cloudwatch._dims_from_list = lambda dimensions: Exactly(read(dimensions))
