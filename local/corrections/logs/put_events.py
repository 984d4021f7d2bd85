"""Correction: PutLogEvents refuses what CloudWatch Logs refuses.

What AWS does ("PutLogEvents", API reference): a batch is in chronological order, spans at most 24 hours and holds at most
10,000 events and 1,048,576 bytes, each event counting its UTF-8 length plus 26 bytes, else InvalidParameterException; events
more than two hours in the future, or older than 14 days or the group's retention, are not stored but reported in
``rejectedLogEventsInfo``.

What stock MiniStack does: stores everything.
"""

from __future__ import annotations

import itertools
import json
import time

MOST_EVENTS = 10_000
MOST_BYTES = 1_048_576
OVERHEAD_BYTES = 26
HOUR = 3_600_000
DAY = 24 * HOUR


def apply() -> None:
    from ministack.core.responses import error_response_json
    from ministack.services import cloudwatch_logs

    put = cloudwatch_logs._put_log_events

    def checked(data):
        events = data.get("logEvents") or []
        problem = refusal(events)
        if problem:
            return error_response_json("InvalidParameterException", problem, 400)
        group = cloudwatch_logs._log_groups.get(data.get("logGroupName")) or {}
        kept, rejected = sift(events, int(time.time() * 1000), group.get("retentionInDays"))
        status, headers, body = put({**data, "logEvents": kept})
        if status == 200 and rejected:
            body = json.dumps({**json.loads(body), "rejectedLogEventsInfo": rejected}).encode()
            headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        return status, headers, body

    cloudwatch_logs._put_log_events = checked


def refusal(events: list[dict]) -> str | None:
    """Returns why a batch is refused as a whole, if it is."""
    times = [event.get("timestamp", 0) for event in events]
    if len(events) > MOST_EVENTS:
        return f"Upload too large: {len(events)} log events exceed the limit of {MOST_EVENTS}"
    size = sum(len(event.get("message", "").encode()) + OVERHEAD_BYTES for event in events)
    if size > MOST_BYTES:
        return f"Upload too large: {size} bytes exceeds limit of {MOST_BYTES}"
    if any(not event.get("message") for event in events):
        return "Log event message must not be empty"
    if any(later < earlier for earlier, later in itertools.pairwise(times)):
        return "Log events in a single PutLogEvents request must be in chronological order."
    if times and times[-1] - times[0] > DAY:
        return "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    return None


def sift(events: list[dict], now: int, retention_days: int | None) -> tuple[list[dict], dict]:
    """Returns the events to store and the ``rejectedLogEventsInfo`` about the rest."""
    times = [event.get("timestamp", 0) for event in events]
    old = sum(at < now - 14 * DAY for at in times)
    expired = sum(at < now - int(retention_days) * DAY for at in times) if retention_days else 0
    too_new = next((n for n, at in enumerate(times) if at > now + 2 * HOUR), len(times))
    rejected = {}
    if old:
        rejected["tooOldLogEventEndIndex"] = old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    if too_new < len(times):
        rejected["tooNewLogEventStartIndex"] = too_new
    return events[max(old, expired) : too_new], rejected
