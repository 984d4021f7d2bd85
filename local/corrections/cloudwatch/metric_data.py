"""Correction: GetMetricData computes expressions, and reads each metric by exactly its dimensions.

What AWS does ("GetMetricData"): a query is a metric or an expression over the ids of others; the newest points come first unless
ScanBy says otherwise; a metric without dimensions is one of its own. What cannot be computed is a ValidationError.

What stock MiniStack does: answers expressions with an InternalError and no data, mixes the metrics of a name where the query has
no dimensions, returns the oldest points first, and takes a statistic that it does not know for the average.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from local.corrections.cloudwatch import queries


def apply() -> None:
    from ministack.services import cloudwatch

    cloudwatch._get_metric_data = _get_metric_data


def _get_metric_data(params, body, is_cbor, is_json=False):
    from ministack.services import cloudwatch

    given = body
    if not (is_cbor or is_json):
        given = {name: value[0] if isinstance(value, list) else value for name, value in params.items()}
        given["MetricDataQueries"] = queries.members(params, "MetricDataQueries")
    wanted = given.get("MetricDataQueries") or []
    begin, end = (cloudwatch._parse_ts(given.get(name)) for name in ("StartTime", "EndTime"))
    try:
        if begin is None or end is None or begin >= end:
            raise queries.BadQuery("The parameter StartTime must be less than the parameter EndTime.")
        queries.check(wanted)
        computed = queries.results(wanted, lambda period: _windows(begin, end, period))
    except queries.BadQuery as error:
        return cloudwatch._error("ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor)
    newest_first = given.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    found = [
        _result(query, series, newest_first)
        for query in wanted
        if queries.returned(query)
        for series in _all_of(computed[query["Id"]])
    ]
    if is_cbor:
        return cloudwatch._cbor_ok({"MetricDataResults": [cloudwatch._cbor_metric_data_result(one) for one in found]})
    if is_json:
        return cloudwatch._json_ok({"MetricDataResults": found})
    results = f"<MetricDataResults>{''.join(map(_xml, found))}</MetricDataResults>"
    return cloudwatch._xml(200, "GetMetricDataResponse", f"<GetMetricDataResult>{results}</GetMetricDataResult>")


def _all_of(value: dict | list[dict]) -> list[dict]:
    return value if isinstance(value, list) else [value]


def _windows(begin: float, end: float, period: int) -> list[float]:
    first = int(begin // period * period)
    return [float(time) for time in range(first, int(-(-end // 1)), period)]


def _result(query: dict, series: dict[float, float], newest_first: bool) -> dict:
    from ministack.services import cloudwatch

    points = sorted(series.items(), reverse=newest_first)
    metric = (query.get("MetricStat") or {}).get("Metric") or {}
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or metric.get("MetricName") or query["Id"],
        "Timestamps": [cloudwatch._ts_iso(time) for time, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete",
    }


def _xml(result: dict) -> str:
    lists = "".join(
        f"<{name}>{''.join(f'<member>{item}</member>' for item in result[name])}</{name}>" for name in ("Timestamps", "Values")
    )
    label = escape(result["Label"])
    return f"<member><Id>{result['Id']}</Id><Label>{label}</Label><StatusCode>Complete</StatusCode>{lists}</member>"
