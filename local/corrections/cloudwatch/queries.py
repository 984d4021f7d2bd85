"""Metrics and expressions of one request (``MetricDataQueries``, or the ``Metrics`` of an alarm): checked, read and computed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from local.corrections.cloudwatch.expressions import BadExpression, Scope, Series, Value, evaluate

_ID = re.compile(r"[a-z]\w{0,254}")
_STATISTIC = re.compile(r"SampleCount|Average|Sum|Minimum|Maximum|p(\d{1,2}(\.\d{1,10})?|100)")


class BadQuery(ValueError):
    """Queries that CloudWatch refuses, or that are beyond what is emulated here."""


def check(queries: Sequence[dict]) -> None:
    """Raises ``BadQuery`` for queries that can never be computed."""
    names = [str(query.get("Id", "")) for query in queries]
    for name in names:
        if not _ID.fullmatch(name) or names.count(name) > 1:
            raise BadQuery(f"The Id '{name}' is not unique, or does not start with a lowercase letter")
    for name, query in zip(names, queries, strict=True):
        if bool(query.get("MetricStat")) == bool(query.get("Expression")):
            raise BadQuery(f"The query '{name}' must have either a MetricStat or an Expression")
        stat = (query.get("MetricStat") or {}).get("Stat", "Average")
        if not is_statistic(stat):
            raise BadQuery(f"The value {stat} for parameter Stat is not supported.")
    if len(periods(queries)) > 1 and any(query.get("Expression") for query in queries):
        raise BadQuery("The metrics of an expression must have the same period")
    results(queries, lambda _: [0.0], lambda *_: {0.0: 1.0})


def is_statistic(name: str) -> bool:
    return _STATISTIC.fullmatch(name) is not None


def returned(query: dict) -> bool:
    return str(query.get("ReturnData", True)).lower() == "true"


def periods(queries: Sequence[dict]) -> set[int]:
    return {int(query["MetricStat"]["Period"]) for query in queries if query.get("MetricStat")}


def results(
    queries: Sequence[dict], times: Callable[[int], Sequence[float]], read: Callable[..., Series] | None = None
) -> dict[str, Value]:
    """Computes every query for the beginnings of the windows that ``times`` gives for a period."""
    read = read or series
    stats = {query["Id"]: query["MetricStat"] for query in queries if query.get("MetricStat")}
    expressions = {query["Id"]: query["Expression"] for query in queries if query.get("Expression")}
    computed: dict[str, Value] = {
        name: read(stat, times(int(stat["Period"])), int(stat["Period"])) for name, stat in stats.items()
    }
    period = max(periods(queries), default=60)
    under_way: list[str] = []

    def resolve(name: str) -> Value:
        if name not in computed:
            if name not in expressions or name in under_way:
                raise BadExpression(f"Unknown id '{name}'" if name not in expressions else f"'{name}' refers to itself")
            under_way.append(name)
            metrics = {key: computed[key] for key in stats}
            computed[name] = evaluate(expressions[name], Scope(resolve, metrics, times(period)))
        return computed[name]

    for query in queries:
        try:
            value = resolve(query["Id"])
            if returned(query) and not isinstance(value, dict | list):
                raise BadExpression("The result must be a time series")
        except BadExpression as error:
            raise BadQuery(f"Error in expression '{query['Id']}': {error}") from error
    return computed


def series(stat: dict, times: Sequence[float], period: int) -> Series:
    """Reads a metric, with exactly these dimensions, as one data point per window that has data."""
    from ministack.services import cloudwatch

    metric = stat["Metric"]
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(metric.get("Dimensions") or []))
    stored = cloudwatch._metrics.get((metric.get("Namespace"), metric.get("MetricName"), dimensions)) or []
    windows: dict[float, list] = {time: [] for time in times}
    for point in list(stored):
        begin = times[0] + (point["Timestamp"] - times[0]) // period * period if times else None
        if begin in windows and stat.get("Unit") in (None, "", point["Unit"]):
            windows[begin].append(point)
    values = {
        time: cloudwatch._stat_value(cloudwatch._calc_stats(points), stat["Stat"], points)
        for time, points in windows.items()
        if points
    }
    return {time: value for time, value in values.items() if value is not None}


def members(params: dict, name: str) -> list:
    """Returns a list of structures as the query protocol sends it (``Name.member.1.Inner.Field=…``)."""
    found: dict = {}
    for key, value in params.items():
        if key.startswith(f"{name}.member."):
            place = found
            *path, last = key.removeprefix(f"{name}.").split(".")
            for part in path:
                place = place.setdefault(part, {})
            place[last] = value[0] if isinstance(value, list) else value
    return _with_lists(found) or []


def _with_lists(value):
    if not isinstance(value, dict):
        return value
    if set(value) == {"member"}:
        return [_with_lists(item) for _, item in sorted(value["member"].items(), key=lambda item: int(item[0]))]
    return {key: _with_lists(item) for key, item in value.items()}
