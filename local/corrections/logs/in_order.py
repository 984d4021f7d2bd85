"""The events of a log group's streams, oldest first, kept from one page of a search to the next.

Sorting a whole group for each page makes a search quadratic. Here a page costs what was written since the page before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable

Entry = tuple[str, dict]  # stream and event


class InOrder:
    """The events of the chosen streams. A stream's list grows at its end, or is replaced when late events come in between."""

    def __init__(self, chosen: Callable[[str], bool]):
        self._chosen = chosen
        self._read: dict[str, tuple[list[dict], int]] = {}  # stream → its list, and how much of that was read
        self.events: list[Entry] = []

    def refresh(self, streams: dict[str, dict]) -> None:
        """Takes in what was written since the last time."""
        histories = {name: content["events"] for name, content in streams.items() if self._chosen(name)}
        if self._read.keys() - histories.keys():  # a stream was deleted
            self._read, self.events = {}, []
        fresh: list[Entry] = []
        stale: list[dict] = []
        for name, history in histories.items():
            read, count = self._read.get(name, (history, 0))
            same = count if read is history else _common(read, history, count)
            stale += read[same:count]
            fresh += [(name, event) for event in history[same:]]
            self._read[name] = (history, len(history))
        if fresh or stale:
            self._replace(stale, fresh)

    def between(self, first: int | None, last: int | None) -> tuple[int, int]:
        """Returns the places of the events from ``first`` to ``last`` milliseconds, the end exclusive."""
        start = 0 if first is None else bisect_left(self.events, first, key=_timestamp)
        end = len(self.events) if last is None else bisect_right(self.events, last, key=_timestamp)
        return start, end

    def _replace(self, stale: list[dict], fresh: list[Entry]) -> None:
        earliest = min(event["timestamp"] for event in [*stale, *(event for _, event in fresh)])
        start = bisect_left(self.events, earliest, key=_timestamp)
        gone = {id(event) for event in stale}
        kept = [entry for entry in self.events[start:] if id(entry[1]) not in gone]
        self.events[start:] = sorted(kept + fresh, key=_order)


def _timestamp(entry: Entry) -> int:
    return entry[1]["timestamp"]


def _order(entry: Entry) -> tuple[int, int]:
    return entry[1]["timestamp"], entry[1].get("ingestionTime", 0)


def _common(read: list[dict], history: list[dict], count: int) -> int:
    """Returns how many of the ``count`` events that were read begin the new list, too: from the first late one on, none is in
    its old place."""
    most = min(count, len(history))
    return bisect_left(range(most), True, key=lambda place: read[place] is not history[place])
