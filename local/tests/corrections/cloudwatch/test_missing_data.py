"""The tables of "Configuring how CloudWatch alarms treat missing data", row by row."""

from __future__ import annotations

import pytest

from local.corrections.cloudwatch.missing_data import ALARM, INSUFFICIENT_DATA, OK, TREATMENTS, Rule, state

KEPT = "as it was"
MEANING = {"0": False, "X": True, "-": None}

# The points from oldest to newest, and the state when missing data is: missing, ignore, breaching, notBreaching.
THREE_OF_THREE = [
    ("0 - X - X", OK, OK, OK, OK),
    ("0 - - - -", OK, OK, OK, OK),
    ("- - - - -", INSUFFICIENT_DATA, KEPT, ALARM, OK),
    ("0 X X - X", ALARM, ALARM, ALARM, ALARM),
    ("- - X - -", ALARM, KEPT, ALARM, OK),
    # "Avoiding premature transitions to alarm state"
    ("- - - - X", INSUFFICIENT_DATA, KEPT, ALARM, OK),
    ("- - - X -", INSUFFICIENT_DATA, KEPT, ALARM, OK),
    ("- - - X 0", OK, OK, OK, OK),
]
TWO_OF_THREE = [
    ("0 - X - X", ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", OK, OK, ALARM, OK),
    ("- - - - 0", OK, OK, ALARM, OK),
    ("- - - X -", ALARM, KEPT, ALARM, OK),
]


@pytest.mark.parametrize("missing", TREATMENTS)
@pytest.mark.parametrize(("needed", "row"), [(3, row) for row in THREE_OF_THREE] + [(2, row) for row in TWO_OF_THREE])
def test_a_row_of_the_tables(needed, row, missing):
    points = [MEANING[sign] for sign in row[0].split()]
    wanted = dict(zip(("missing", "ignore", "breaching", "notBreaching"), row[1:], strict=True))[missing]
    assert state(Rule(3, needed, missing), points, KEPT) == wanted


def test_old_points_count_only_where_newer_ones_are_missing():
    assert state(Rule(1, 1, "notBreaching"), [True, False, None], OK) == OK
    assert state(Rule(1, 1, "notBreaching"), [True, None, None], OK) == ALARM
    assert state(Rule(3, 3), [False, False, True, True, True], OK) == ALARM
