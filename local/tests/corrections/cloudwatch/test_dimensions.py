"""Smoke test of ``cloudwatch.dimensions``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from local.tests.stacks import fresh

ROUTE = [{"Name": "Route", "Value": "a"}]


def measured(aws) -> dict:
    """Puts 1 without dimensions, 10 with one and 100 with two; returns the metric."""
    metric = {"Namespace": fresh("Dimensions"), "MetricName": "M"}
    for value, dimensions in ((1, []), (10, ROUTE), (100, [*ROUTE, {"Name": "Method", "Value": "GET"}])):
        data = [{"MetricName": "M", "Dimensions": dimensions, "Value": value}]
        aws.client("cloudwatch").put_metric_data(Namespace=metric["Namespace"], MetricData=data)
    return metric


def total(aws, metric: dict, dimensions: list[dict]) -> float:
    now = datetime.now(UTC)
    found = aws.client("cloudwatch").get_metric_statistics(
        **metric,
        Dimensions=dimensions,
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in found["Datapoints"])


def test_each_set_of_dimensions_is_a_metric_of_its_own(aws):
    metric = measured(aws)
    assert total(aws, metric, []) == 1
    assert total(aws, metric, ROUTE) == 10
    assert total(aws, metric, [{"Name": "Method", "Value": "GET"}]) == 0


def test_stock_takes_no_dimensions_for_any(stock):
    assert total(stock, measured(stock), []) == 111
