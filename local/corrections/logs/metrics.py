"""Correction: lines of a log become metrics, by a metric filter or by the embedded metric format.

What AWS does ("Filter pattern syntax for metric filters", "PutMetricFilter" and "TestMetricFilter", API reference; "Specification:
Embedded metric format"): every line that a filter matches adds the filter's value, a number or the number at ``$.field``, at the
line's time; dimensions take their values from the line, and a line without one adds nothing. The default value is added in a
minute in which lines came and none matched; a filter with dimensions has none. A line in the embedded format adds what it says
(``embedded``), and what is malformed in it counts in ``EMFValidationErrors``. TestMetricFilter shows what a pattern matches.

What stock MiniStack does: keeps the filters and the lines, and makes no metric of them; does not know TestMetricFilter; accepts
every pattern and transformation.

A field is looked up only if the pattern names it, as the guide's examples do. Patterns for space-delimited lines are not known.
"""

from __future__ import annotations

import logging
import time

from local.corrections.cloudwatch import points
from local.corrections.logs import calls, embedded, patterns
from local.corrections.logs.calls import Refusal

logger = logging.getLogger(__name__)

MOST_DIMENSIONS = 3
MINUTE = 60


def apply() -> None:
    from ministack.core.responses import error_response_json
    from ministack.services import cloudwatch_logs as logs

    put, fan_out, decided = logs._put_metric_filter, logs._fanout_to_subscription_filters, calls.store()

    def put_checked(data):
        try:
            _check(data)
        except Refusal as refusal:
            return error_response_json(refusal.code, refusal.message, 400)
        return put(data)

    def measured(group, stream, events):  # every path of a line into a log ends here
        try:
            _measure(logs, decided, group, events)
        except Exception:  # a log takes its lines, whatever is wrong with their metrics
            logger.exception("lines of %s make no metrics", group)
        return fan_out(group, stream, events)

    logs._put_metric_filter, logs._fanout_to_subscription_filters = put_checked, measured
    calls.answer(TestMetricFilter=_tested)


def _measure(logs, decided, group: str, events: list[dict]) -> None:
    filters = [one for (name, _), one in logs._metric_filters.items() if name == group]
    for event in events:
        message, at = event.get("message", ""), event.get("timestamp", time.time() * 1000) / 1000
        for one in filters:
            _filtered(one, message, at, decided)
        found, errors = embedded.values(message)
        for value in found:
            points.add(
                value.namespace, value.metric, value.value, value.unit, value.dimensions, value.at, value.resolution
            )
        for _ in range(errors):
            points.add("AWS/Logs", "EMFValidationErrors", 1, "Count", {"LogGroupName": group}, at)


def _filtered(one: dict, message: str, at: float, decided) -> None:
    pattern = one["filterPattern"]
    matched = patterns.compiled(pattern)(message)
    fields = patterns.extracted(pattern, message) if matched else {}
    minute = (one["logGroupName"], one["filterName"], at // MINUTE)
    for change in one["metricTransformations"]:
        value = _value(change, fields) if matched else _default(change, minute, decided)
        names = change.get("dimensions") or {}
        if value is None or not all(field in fields for field in names.values()):
            continue
        dimensions = {name: _text(fields[field]) for name, field in names.items()}
        points.add(change["metricNamespace"], change["metricName"], value, change.get("unit") or "None", dimensions, at)
        decided[minute] = True


def _value(change: dict, fields: dict) -> float | None:
    stated = change["metricValue"]
    value = fields.get(stated) if stated.startswith("$") else stated
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _default(change: dict, minute: tuple, decided) -> float | None:
    """Returns the default value for a minute that has neither a match nor a default so far."""
    default = change.get("defaultValue")
    return None if default is None or minute in decided else float(default)


def _text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check(data: dict) -> None:
    pattern, changes = data.get("filterPattern") or "", data.get("metricTransformations") or []
    _compiled(pattern)
    if len(changes) != 1:
        raise _invalid("a metric filter has exactly one metric transformation")
    dimensions, value = changes[0].get("dimensions") or {}, str(changes[0].get("metricValue") or "")
    if dimensions and changes[0].get("defaultValue") is not None:
        raise _invalid("dimensions and default value are mutually exclusive properties")
    if len(dimensions) > MOST_DIMENSIONS:
        raise _invalid(f"a metric filter has at most {MOST_DIMENSIONS} dimensions")
    if not all(str(field).startswith("$") for field in dimensions.values()):
        raise _invalid("a dimension's value is a field of the pattern, such as $.field")
    if not value.startswith("$"):
        try:
            float(value)
        except ValueError:
            raise _invalid("the metric value is a number or a field of the pattern, such as $.field") from None


def _compiled(pattern: str):
    try:
        return patterns.compiled(pattern)
    except patterns.InvalidPattern:
        raise Refusal("InvalidParameterException", "Invalid metric filter pattern") from None


def _invalid(problem: str) -> Refusal:
    return Refusal("InvalidParameterException", f"Invalid metric transformation: {problem}")


def _tested(data: dict) -> dict:
    pattern, messages = data.get("filterPattern") or "", data.get("logEventMessages") or []
    matches = _compiled(pattern)
    if not 1 <= len(messages) <= 50:
        raise Refusal("InvalidParameterException", "logEventMessages must have between 1 and 50 members")
    return {
        "matches": [
            {
                "eventNumber": number,
                "eventMessage": message,
                "extractedValues": {
                    field: _text(value) for field, value in patterns.extracted(pattern, message).items()
                },
            }
            for number, message in enumerate(messages, 1)
            if matches(message)
        ]
    }
