"""Correction: FilterLogEvents understands its pattern and comes in pages.

What AWS does ("FilterLogEvents", API reference): a page has what was found in the part of the group that was searched for it,
which may be nothing: "This operation can return empty results while there are more log events available through the token." The
search is over when there is no ``nextToken``. Patterns: ``patterns``.

What stock MiniStack does: a JSON pattern matches everything, ``?a ?b`` nothing, ``limit`` cuts off without a token. Here a page
searches 100 events.
"""

from __future__ import annotations

import hashlib

from local.corrections.logs import patterns

SEARCHED = 100
MOST = 10_000


def apply() -> None:
    from ministack.services import cloudwatch_logs

    cloudwatch_logs._filter_log_events = _filter_log_events


def _filter_log_events(data):
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import cloudwatch_logs as logs

    group = logs._resolve_log_group_name(data)
    if group not in logs._log_groups:
        return error_response_json("ResourceNotFoundException", f"The specified log group does not exist: {group}", 400)
    try:
        matches = patterns.compiled(data.get("filterPattern") or "")
    except patterns.InvalidPattern:
        return error_response_json("InvalidParameterException", "Invalid filter pattern", 400)
    token, key = data.get("nextToken"), _key(data, group)
    if token and not (token.startswith(f"{key}/") and token.rpartition("/")[2].isdigit()):
        return error_response_json("InvalidParameterException", "The specified nextToken is invalid.", 400)
    start = int(token.rpartition("/")[2]) if token else 0
    events, found = _events(logs, group, data), []
    position, end = start, min(start + SEARCHED, len(events))
    while position < end and len(found) < min(data.get("limit") or MOST, MOST):
        stream, event = events[position]
        position += 1
        if matches(event.get("message", "")):
            identity = hashlib.sha256(f"{stream}/{position}/{event['timestamp']}".encode()).hexdigest()
            found.append({**event, "logStreamName": stream, "eventId": str(int(identity[:40], 16))})
    answer = {"events": found, "searchedLogStreams": []}
    if position < len(events):
        answer["nextToken"] = f"{key}/{position}"
    return json_response(answer)


def _key(data: dict, group: str) -> str:
    """Returns the key of a search, which its tokens carry."""
    search = {name: value for name, value in data.items() if name not in ("nextToken", "limit")}
    return hashlib.sha256(f"{group} {sorted(search.items())}".encode()).hexdigest()[:32]


def _events(logs, group: str, data: dict) -> list[tuple[str, dict]]:
    """Returns the events of the chosen streams and time, oldest first."""
    named, prefix = data.get("logStreamNames"), data.get("logStreamNamePrefix") or ""
    first, last = data.get("startTime"), data.get("endTime")
    with logs._log_events_lock:
        events = [
            (stream, event)
            for stream, content in logs._log_groups[group]["streams"].items()
            if (stream in named if named else stream.startswith(prefix))
            for event in content["events"]
            if (first is None or event["timestamp"] >= first) and (last is None or event["timestamp"] <= last)
        ]
    return sorted(events, key=lambda pair: (pair[1]["timestamp"], pair[1].get("ingestionTime", 0)))
