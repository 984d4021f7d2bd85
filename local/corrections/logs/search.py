"""Correction: FilterLogEvents understands its pattern and comes in pages.

What AWS does ("FilterLogEvents", API reference): a page has what was found in the part of the group that was searched for it,
which may be nothing: "This operation can return empty results while there are more log events available through the token." The
search is over when there is no ``nextToken``. Patterns: ``patterns``.

What stock MiniStack does: a JSON pattern matches everything, ``?a ?b`` nothing, ``limit`` cuts off without a token. Here a page
searches 100 events, and each further one as many as all before it together. What is sorted is kept (``in_order``).
"""

from __future__ import annotations

import hashlib
import uuid

from local.corrections.logs import patterns
from local.corrections.logs.in_order import InOrder

SEARCHED = 100
MOST = 10_000
# In the group: the orders of its events that the latest searches used, by the streams that they chose.
ORDERS = "orders"
KEPT_ORDERS = 8


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
    done = int(token.rpartition("/")[2]) if token else 0
    with logs._log_events_lock:
        order = _order(logs._log_groups[group], data)
        begin, finish = order.between(data.get("startTime"), data.get("endTime"))
        most = begin + done + min(max(SEARCHED, done), MOST)
        events = order.events[begin + done : min(most, finish)]
    found, limit = [], min(data.get("limit") or MOST, MOST)
    for stream, event in events:
        if len(found) >= limit:
            break
        done += 1
        if matches(event.get("message", "")):
            found.append({**event, "logStreamName": stream, "eventId": _identity(event)})
    answer = {"events": found, "searchedLogStreams": []}
    if begin + done < finish:
        answer["nextToken"] = f"{key}/{done}"
    return json_response(answer)


def _key(data: dict, group: str) -> str:
    """Returns the key of a search, which its tokens carry."""
    search = {name: value for name, value in data.items() if name not in ("nextToken", "limit")}
    return hashlib.sha256(f"{group} {sorted(search.items())}".encode()).hexdigest()[:32]


def _order(group: dict, data: dict) -> InOrder:
    """Returns the events of the chosen streams in order, from the search before this one if there was any."""
    named, prefix = data.get("logStreamNames"), data.get("logStreamNamePrefix") or ""
    choice = tuple(sorted(named)) if named else prefix
    orders = group.setdefault(ORDERS, {})
    order = orders.pop(choice, None) or InOrder(choice.__contains__ if named else lambda stream: stream.startswith(prefix))
    orders[choice] = order  # the latest comes last
    if len(orders) > KEPT_ORDERS:
        del orders[next(iter(orders))]
    order.refresh(group["streams"])
    return order


def _identity(event: dict) -> str:
    """Returns the number that stands for an event in every search."""
    mark = event.setdefault("eventId", str(uuid.uuid4()))
    return str(int(hashlib.sha256(mark.encode()).hexdigest()[:40], 16))
