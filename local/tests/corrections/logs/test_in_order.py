"""The order of a group's events, and the work that a page costs."""

from __future__ import annotations

import heapq
import random

from local.corrections.logs.in_order import InOrder

reads = 0


class Event(dict):
    """An event that counts how often its time is looked at."""

    def __getitem__(self, name):
        global reads
        reads += 1
        return super().__getitem__(name)


def event(at: int, text: str = "") -> Event:
    return Event(timestamp=at, ingestionTime=at, message=text)


def write(streams: dict, stream: str, *events: Event) -> None:
    """Stores as the emulator does: at the end of the stream's list, or in a new list if they come late."""
    history = streams.setdefault(stream, {"events": []})["events"]
    if history and history[-1]["timestamp"] > events[0]["timestamp"]:
        streams[stream]["events"] = list(heapq.merge(history, events, key=lambda one: one["timestamp"]))
    else:
        history.extend(events)


def expected(streams: dict) -> list[int]:
    return sorted(one["timestamp"] for content in streams.values() for one in content["events"])


def found(searched: InOrder) -> list[int]:
    return [one["timestamp"] for _, one in searched.events]


def test_whatever_is_written_is_found_once_and_in_order():
    chance, streams, searched = random.Random(1), {}, InOrder(lambda stream: True)
    for _ in range(300):
        at = chance.randrange(1000)
        write(streams, chance.choice("abc"), *(event(at + n) for n in range(chance.randrange(1, 4))))
        if chance.random() < 0.05:
            streams.pop(chance.choice(list(streams)))
        if chance.random() < 0.05:
            streams[chance.choice("abc")] = {"events": []}
        if chance.random() < 0.5:
            searched.refresh(streams)
            assert found(searched) == expected(streams)
            assert len({id(one) for _, one in searched.events}) == len(searched.events)


def test_only_the_chosen_streams_are_searched():
    streams, searched = {}, InOrder(lambda stream: stream.startswith("a"))
    write(streams, "a1", event(1))
    write(streams, "b1", event(2))
    searched.refresh(streams)
    assert found(searched) == [1]


def test_the_bounds_are_inclusive():
    streams, searched = {}, InOrder(lambda stream: True)
    write(streams, "a", *(event(at) for at in (1, 2, 2, 3)))
    searched.refresh(streams)
    assert searched.between(2, 2) == (1, 3)
    assert searched.between(None, None) == (0, 4)


def work(pages: int) -> int:
    global reads
    streams, searched = {}, InOrder(lambda stream: True)
    for stream in range(6):
        write(streams, f"s{stream}", *(event(at * 6 + stream) for at in range(10_000)))
    reads = 0
    for _ in range(pages):
        searched.refresh(streams)
        searched.between(100, 50_000)
    return reads


def test_a_page_costs_nothing_for_what_was_read_before():
    first, all_pages = work(1), work(600)
    assert first < 3 * 60_000
    # 599 pages more: two searches by halves each.
    assert all_pages - first < 599 * 40


def test_a_line_costs_no_more_in_a_long_group():
    global reads
    streams, searched = {}, InOrder(lambda stream: True)
    write(streams, "a", *(event(at) for at in range(60_000)))
    searched.refresh(streams)
    reads = 0
    write(streams, "a", event(60_000))
    write(streams, "a", event(59_990))  # late: the list is a new one
    written, reads = reads, 0
    searched.refresh(streams)
    assert reads < 100 < written
    assert found(searched) == expected(streams)
