"""The examples of "Using math expressions with CloudWatch metrics", and what is refused."""

from __future__ import annotations

import pytest

from local.corrections.cloudwatch.expressions import BadExpression, Scope, evaluate

SILENT = "IF(FILL(writes,0) > 0 AND FILL(audited,0) == 0, 1, 0)"


def series(points: str) -> dict[float, float]:
    """Returns the data points of "30 - 0": one per time, from 0 on, and none for a dash."""
    return {float(time): float(value) for time, value in enumerate(points.split()) if value != "-"}


def result(text: str, length: int = 5, **metrics: str):
    found = {name: series(points) for name, points in metrics.items()}
    return evaluate(text, Scope(found.__getitem__, found, [float(time) for time in range(length)]))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("metric1 < metric2", "0 0 1 0"),
        ("metric1 >= 30", "1 0 0 0"),
        ("metric1 > 15 AND metric2 > 15", "1 0 0 0"),
        ("metric1 > 15 && metric2 > 15 || metric1 == 0", "1 0 1 1"),
        ("metric1 + metric2", "50 20 20 0"),
        ("metric2 * 2 - 10", "30 - 30 -"),
        ("-metric1 + 1", "-29 -19 1 1"),
        ("metric2 / metric1", "0.6666666666666666 0 - -"),
        ("1 + 2 * metric2 / (2 + 2)", "11 - 11 -"),
        ("SUM(METRICS())", "50 20 20 0"),
        ("SUM([metric1, metric2])", "50 20 20 0"),
        ("MAX(METRICS('2'))", "20 - 20 -"),
        ("metric2 - MIN(metric1) + SUM(metric2)", "60 - 60 -"),
    ],
)
def test_operators_and_aggregates(text, wanted):
    assert result(text, metric1="30 20 0 0", metric2="20 - 20 -") == series(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("IF(metric1, metric2, metric3)", "30 0 20 - -"),
        ("IF(metric1, 5, metric3)", "5 5 20 - -"),
        ("IF(metric1, metric2, 5)", "30 0 5 5 -"),
        ("IF(metric1, metric2)", "30 0 - - -"),
        ("IF(1, metric2, metric3)", "30 - 0 0 30"),
        ("IF(0, metric2)", "- - - - -"),
    ],
)
def test_the_tables_of_if(text, wanted):
    assert result(text, metric1="1 1 0 0 -", metric2="30 - 0 0 30", metric3="0 0 20 - 20") == series(wanted)


def test_fill():
    assert result("FILL(m, 7)", m="- 1 - 2 -") == series("7 1 7 2 7")
    assert result("FILL(m, REPEAT)", m="- 1 - 2 -") == series("- 1 1 2 2")
    assert result("FILL(METRICS(), 0)", m="1 -", n="- 1", length=2) == [series("1 0"), series("0 1")]


def test_writes_without_records_are_told_apart_from_silence():
    assert result(SILENT, writes="- 3 3 - 1", audited="- 3 - - -") == series("0 0 1 0 1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("AVG(METRICS())", "The function AVG is not supported"),
        ("ANOMALY_DETECTION_BAND(m)", "The function ANOMALY_DETECTION_BAND is not supported"),
        ("FILL(m, LINEAR)", "Unexpected 'LINEAR'"),
        ("FILL(m)", "FILL takes 2 to 2 arguments"),
        ("m ^ 2", "Unexpected character '^'"),
        ("m +", "Unexpected end"),
        ("(m", "Unexpected end"),
        ("m m", "Unexpected 'm'"),
        ("", "Unexpected end"),
        ("METRICS() + METRICS()", "An operator takes one list at most"),
        ("m + 'm'", "Text is no operand"),
        ("IF(METRICS(), 1, 0)", "IF takes numbers and single time series"),
    ],
)
def test_what_is_not_emulated_is_refused(text, why):
    with pytest.raises(BadExpression) as refused:
        result(text, m="1")
    assert str(refused.value) == why
