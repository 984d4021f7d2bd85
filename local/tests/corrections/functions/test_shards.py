"""Smoke test of ``dynamodb.lineage``: a mapping reads the shards of a stream side by side, and parents before children."""

from __future__ import annotations

import pytest

from local.tests.aws import until
from local.tests.corrections.functions.test_stream_mapping import REPORT, Mapping

FINE = "def decide(ids, sequence):\n    return {}"
# Writes what it gets as keys and rounds.
ORDERED = """
def handler(event):
    images = [record["dynamodb"]["NewImage"] for record in event["Records"]]
    _journal({"ids": [image["id"]["S"] + " " + image["round"]["N"] for image in images], "identities": []})
    return {}
"""
# Each invocation waits until another is under way at the same time, or gives up after some seconds.
MEETING = """
def decide(ids, sequence):
    place = os.path.join(os.environ["TMPDIR"], os.environ["JOURNAL"])
    os.makedirs(place, exist_ok=True)
    mine = os.path.join(place, str(os.getpid()))
    open(mine, "w").close()
    end = time.monotonic() + SECONDS
    while len(os.listdir(place)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    met = len(os.listdir(place)) >= 2
    _journal({"ids": ["met" if met else "alone"], "identities": []})
    return {}
"""
# The first six invocations with r0 fail.
SLOW_PARENT = """
def decide(ids, sequence):
    if "r0" in ids and attempts <= 6:
        return ValueError("not yet")
    return {}
"""


def split(mapping: Mapping) -> list[str]:
    return mapping.aws.call("POST", "/_local/shards", {"table": mapping.table}).json["open"]


def seen(mapping: Mapping) -> list[str]:
    return [identifier for entry in mapping.entries() for identifier in entry["ids"]]


def settled(mapping: Mapping, count: int) -> list[str]:
    return until(lambda: len(found := seen(mapping)) >= count and found)


def test_every_record_is_read_once_and_a_keys_records_in_order(aws):
    mapping, keys = Mapping(aws, ORDERED, items=0, **REPORT), [f"key{number}" for number in range(8)]
    for round_ in range(6):
        if round_ in (1, 2, 4):
            assert len(split(mapping)) == {1: 2, 2: 4, 4: 8}[round_]
        for key in keys:
            mapping.dynamodb.put_item(TableName=mapping.table, Item={"id": {"S": key}, "round": {"N": str(round_)}})
    found = [identifier.split() for identifier in settled(mapping, 48)]
    rounds = {key: [int(round_) for one, round_ in found if one == key] for key in keys}
    assert rounds == {key: list(range(6)) for key in keys}


def test_shards_are_read_side_by_side(aws):
    mapping = Mapping(aws, MEETING.replace("SECONDS", "15"), items=0, **REPORT)
    aws.client("lambda").update_function_configuration(FunctionName=mapping.function, Timeout=30)
    split(mapping)
    for number in range(8):
        mapping.put(f"k{number}")
    until(lambda: seen(mapping).count("met") >= 2)
    assert "alone" not in seen(mapping)


def test_one_shard_is_read_alone(aws):
    mapping = Mapping(aws, MEETING.replace("SECONDS", "1"), items=8, **REPORT)
    until(lambda: "alone" in seen(mapping))


def test_children_wait_for_their_parent(aws):
    mapping = Mapping(aws, SLOW_PARENT, items=1, MaximumRetryAttempts=20, **REPORT)
    split(mapping)
    split(mapping)  # shards that are empty and over do not let their children go first
    for number in range(1, 5):
        mapping.put(f"r{number}")
    found = settled(mapping, 7 + 4)
    assert found[:7] == ["r0"] * 7
    assert sorted(found[7:]) == ["r1", "r2", "r3", "r4"]


def test_a_mapping_that_begins_with_the_latest_record_skips_what_the_shards_hold(aws):
    mapping = Mapping(aws, FINE, items=2, **REPORT)
    split(mapping)
    mapping.put("before")
    settled(mapping, 3)
    stream = aws.client("dynamodb").describe_table(TableName=mapping.table)["Table"]["LatestStreamArn"]
    functions = aws.client("lambda")
    functions.delete_event_source_mapping(UUID=mapping.mapping)
    functions.create_event_source_mapping(FunctionName=mapping.function, EventSourceArn=stream, StartingPosition="LATEST")
    until(lambda: mapping.put("after") or "after" in seen(mapping))
    assert seen(mapping).count("before") == 1


@pytest.mark.parametrize("body", [{}, {"table": "missing"}, {"table": 1}, {"table": "t", "more": 1}])
def test_the_door_says_what_it_takes(aws, body):
    answer = aws.call("POST", "/_local/shards", body)
    assert answer.status == 400
    assert "table" in answer.json["error"]
