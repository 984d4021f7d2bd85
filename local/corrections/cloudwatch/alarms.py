"""Correction: alarms are evaluated as CloudWatch evaluates them.

What AWS does ("Using Amazon CloudWatch alarms", "Configuring how CloudWatch alarms treat missing data", "PutMetricAlarm"): an
alarm watches one metric with exactly its dimensions, or the result of a math expression (``Metrics``). Once a minute it looks at
its windows, which end with a whole minute, and its state follows from the breaching and the missing ones (``missing_data``); so
it changes by time alone, too. What cannot be evaluated is refused. A state set with SetAlarmState lasts until the next
evaluation.

What stock MiniStack does: evaluates when data comes in, over all points of the metric's name, in a single window. Missing data,
DatapointsToAlarm and Metrics mean nothing, and no alarm goes back by itself.

Here alarms look every ten seconds whether a minute has passed, or at a pretended time (``POST /_local/alarms``); none goes back in
time. Metric math is that of ``expressions``; anomaly detection and Metrics Insights are refused.
"""

from __future__ import annotations

import json
import operator
import threading
import time
from datetime import UTC, datetime

from local.corrections.cloudformation.handlers import service_failure
from local.corrections.cloudwatch import missing_data, queries

# Comparison operator → when it is breaching, and how a reason says so.
COMPARISONS = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
SECONDS_BETWEEN_LOOKS = 10
MINUTE, HOUR, DAY = 60, 3600, 86_400
# Math alarms have these in their queries.
_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")

_evaluating = threading.RLock()
_evaluated: dict[tuple, float] = {}  # (account, region, name) → the end of the last window looked at


def apply() -> None:
    from ministack.services import cloudwatch

    cloudwatch._evaluate_all_alarms = lambda: None  # data alone evaluates nothing
    cloudwatch._evaluate_alarm = lambda alarm: _evaluate(alarm, time.time(), afresh=True)
    _answer_the_call(cloudwatch)
    _follow_the_template()
    threading.Thread(target=_look_again_and_again, daemon=True).start()


def evaluate_all(at: float, account: str | None = None, again: bool = True) -> dict[str, str]:
    """Evaluates all alarms (of an account, if given) as of a time and returns the states of those that changed, by name.

    Without ``again``, only those are evaluated that have not been in the same minute.
    """
    from ministack.core.responses import request_scope
    from ministack.services import cloudwatch

    changed = {}
    for (owner, region, name), alarm in list(cloudwatch._alarms._data.items()):
        if account in (None, owner):
            with request_scope(owner, region):
                before = alarm["StateValue"]
                _evaluate(alarm, at, again=again)
                if alarm["StateValue"] != before:
                    changed[name] = alarm["StateValue"]
    return changed


def _look_again_and_again() -> None:
    while True:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        evaluate_all(time.time(), again=False)


def _evaluate(alarm: dict, at: float, again: bool = True, afresh: bool = False) -> None:
    from ministack.core.responses import get_account_id, get_region

    period = _period(alarm)
    if period is None:
        return
    key = (get_account_id(), get_region(), alarm["AlarmName"])
    step = min(period, MINUTE)
    end = at // step * step
    with _evaluating:
        last = 0 if afresh else _evaluated.get(key, 0)
        if end < last or (end == last and not again):
            return
        _evaluated[key] = end
        rule = _rule(alarm)
        count = rule.periods + missing_data.MORE_POINTS
        times = [end - period * (count - place) for place in range(count)]
        values = _values(alarm, times)
        breaching = COMPARISONS[alarm["ComparisonOperator"]][0]
        points = [breaching(values[begin], alarm["Threshold"]) if begin in values else None for begin in times]
        new = missing_data.state(rule, points, alarm["StateValue"])
        if new != alarm["StateValue"]:
            _turn(alarm, new, at, values)


def _period(alarm: dict) -> int | None:
    """Returns the alarm's period; None for one whose ``Metrics`` are still to come."""
    if alarm.get("Metrics"):
        return max(queries.periods(alarm["Metrics"]), default=MINUTE)
    return int(alarm["Period"]) if alarm.get("MetricName") else None


def _rule(alarm: dict) -> missing_data.Rule:
    usual = "ignore" if alarm.get("Namespace") == "AWS/DynamoDB" else "missing"
    periods = int(alarm.get("EvaluationPeriods") or 1)
    return missing_data.Rule(
        periods, int(alarm.get("DatapointsToAlarm") or periods), alarm.get("TreatMissingData") or usual
    )


def _values(alarm: dict, times: list[float]) -> dict[float, float]:
    watched = alarm.get("Metrics") or [
        {
            "Id": "m1",
            "MetricStat": {
                "Metric": {name: alarm.get(name) for name in ("Namespace", "MetricName", "Dimensions")},
                "Period": alarm["Period"],
                "Stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
                "Unit": alarm.get("Unit"),
            },
        }
    ]
    [name] = [query["Id"] for query in watched if queries.returned(query)]
    return queries.results(watched, lambda _: times)[name]


def _turn(alarm: dict, new: str, at: float, values: dict[float, float]) -> None:
    from ministack.services import cloudwatch

    old, reason, date = alarm["StateValue"], _reason(alarm, new, values), _date(at)
    data = {
        "version": "1.0",
        "queryDate": date,
        "period": _period(alarm),
        "recentDatapoints": list(values.values()),
        "threshold": alarm["Threshold"],
    }
    alarm |= {"StateValue": new, "StateReason": reason, "StateReasonData": json.dumps(data)}
    alarm |= {"StateUpdatedTimestamp": int(at), "StateTransitionedTimestamp": int(at)}
    cloudwatch._record_history(alarm["AlarmName"], old, new, reason, reason_data=data)
    cloudwatch._history_entries()[-1]["Timestamp"] = cloudwatch._ts_iso(at)
    cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _reason(alarm: dict, new: str, values: dict[float, float]) -> str:
    if new == missing_data.INSUFFICIENT_DATA:
        return "Insufficient Data: the data points of the evaluation range are missing."
    seen = ", ".join(f"{value} ({datetime.fromtimestamp(begin, UTC):%d/%m/%y %H:%M:%S})" for begin, value in values.items())
    if not seen:
        return f"Threshold Crossed: no datapoints were received; missing data is treated as [{_rule(alarm).missing}]."
    how = COMPARISONS[alarm["ComparisonOperator"]][1]
    what = how if new == missing_data.ALARM else f"not {how}"
    return f"Threshold Crossed: enough of the datapoints [{seen}] were {what} the threshold ({alarm['Threshold']})."


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _answer_the_call(cloudwatch) -> None:
    put = cloudwatch._put_metric_alarm

    def put_checked(params, body, is_cbor, is_json=False):
        data = body
        if not (is_cbor or is_json):
            data = {name: value[0] if isinstance(value, list) else value for name, value in params.items()}
            data["Metrics"] = queries.members(params, "Metrics")
        if why := _refusal(data):
            return cloudwatch._error("ValidationError", why, 400, use_json=is_json, use_cbor=is_cbor)
        answer = put(params, body, is_cbor, is_json)
        if answer[0] < 400:
            _complete(cloudwatch._alarms[data["AlarmName"]], data)
            cloudwatch._evaluate_alarm(cloudwatch._alarms[data["AlarmName"]])
        return answer

    cloudwatch._put_metric_alarm = put_checked


def _follow_the_template() -> None:
    from ministack.services.cloudformation import provisioners

    record = provisioners._cw_metric_alarm_record

    def record_checked(name: str, props: dict) -> dict:
        if why := _refusal(props):
            raise service_failure(why, "CloudWatch", 400, "InvalidRequest")
        if not props.get("Metrics"):
            return _complete(record(name, props), props)
        stand_in = {**props, "Metrics": None, "MetricName": "-", "Namespace": "-"}
        return _complete(record(name, stand_in), props)

    provisioners._cw_metric_alarm_record = record_checked


def _complete(alarm: dict, given: dict) -> dict:
    if given.get("Metrics"):
        alarm["Metrics"] = [{**query, "ReturnData": queries.returned(query)} for query in given["Metrics"]]
        for name in _OF_ONE_METRIC:
            alarm.pop(name, None)
    if not given.get("TreatMissingData"):
        alarm.pop("TreatMissingData", None)
    return alarm


def _refusal(given: dict) -> str | None:
    """Returns why an alarm, as the call or a template gives it, is refused."""
    if given.get("ComparisonOperator") not in COMPARISONS or given.get("ThresholdMetricId"):
        return f"The comparison operator {given.get('ComparisonOperator')} is not supported"
    if given.get("TreatMissingData") and given["TreatMissingData"] not in missing_data.TREATMENTS:
        return f"The value {given['TreatMissingData']} for parameter TreatMissingData is not supported."
    try:
        period = _checked_metrics(given) if given.get("Metrics") else _checked_metric(given)
    except queries.BadQuery as error:
        return str(error)
    count = int(given.get("EvaluationPeriods") or 0)
    if count < 1 or int(given.get("DatapointsToAlarm") or 1) > count:
        return "EvaluationPeriods must be at least 1, and DatapointsToAlarm must not be greater than EvaluationPeriods"
    longest = DAY if period < HOUR else 7 * DAY
    if period * count > longest:
        return f"Metrics cannot be checked across more than {longest} seconds (EvaluationPeriods * Period)"
    return None


def _checked_metrics(given: dict) -> int:
    if any(given.get(name) for name in _OF_ONE_METRIC):
        raise queries.BadQuery("An alarm with Metrics must not have a MetricName, Namespace, Period, Statistic or Dimensions")
    queries.check(given["Metrics"])
    if [queries.returned(query) for query in given["Metrics"]].count(True) != 1:
        raise queries.BadQuery("Exactly one element of the metrics list should return data.")
    [query] = [query for query in given["Metrics"] if queries.returned(query)]
    if not isinstance(queries.results(given["Metrics"], lambda _: [0.0], lambda *_: {0.0: 1.0})[query["Id"]], dict):
        raise queries.BadQuery("An alarm watches a single time series")
    return max(queries.periods(given["Metrics"]), default=MINUTE)


def _checked_metric(given: dict) -> int:
    if not given.get("MetricName") or not given.get("Namespace"):
        raise queries.BadQuery("The parameters MetricName and Namespace, or Metrics, must be specified.")
    statistic, extended = given.get("Statistic"), given.get("ExtendedStatistic")
    if bool(statistic) == bool(extended) or not queries.is_statistic(extended or statistic):
        raise queries.BadQuery("Exactly one of Statistic and ExtendedStatistic (p0 to p100) must be specified.")
    period = int(given.get("Period") or 0)
    if period not in (10, 20, 30) and (period < MINUTE or period % MINUTE):
        raise queries.BadQuery("Period must be 10, 20, 30 or a multiple of 60")
    return period
