"""What CloudWatch has of a metric, for the tests of the corrections that emit one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def statistics(aws, namespace: str, metric: str, account: str = "test", **dimensions: str) -> dict[str, float]:
    """Returns SampleCount, Sum and Maximum of the last hour, or nothing if the metric was not emitted."""
    now = datetime.now(UTC)
    found = aws.client("cloudwatch", account=account).get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["SampleCount", "Sum", "Maximum"],
    )["Datapoints"]
    merged = {"SampleCount": sum, "Sum": sum, "Maximum": max}
    return {name: merge(point[name] for point in found) for name, merge in merged.items()} if found else {}


def total(aws, namespace: str, metric: str, account: str = "test", **dimensions: str) -> float | None:
    return statistics(aws, namespace, metric, account, **dimensions).get("Sum")
