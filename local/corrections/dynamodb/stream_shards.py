"""Correction: a table's stream has several shards, and a closed one among them.

What AWS does ("Change data capture for DynamoDB Streams", "DescribeStream"): a stream consists of shards, each with the records
of some partition keys, in order; they come, are closed (``EndingSequenceNumber``) and go. DescribeStream lists them in pages.
The last GetRecords of a closed shard has no ``NextShardIterator``. A partition takes 1,000 write units a second, so that a table
with many of them has many shards ("Best practices for designing and using partition keys effectively in DynamoDB").

What stock MiniStack does: one shard for everything, open for ever, so that a reader of a single shard sees it all.

Here three are open, or one for each 1,000 provisioned write units if that is more; one is closed and empty, and DescribeStream
lists two at a time. The functions' stream mappings read the
sequence underneath by shards of their own (``lineage``).
"""

from __future__ import annotations

import json
import zlib

OPEN = 3
PAGE = 2
_WRITES_OF_A_PARTITION = 1_000
_CLOSED = "shardId-00000000000000000000-0000c105"
_FIRST, _LAST = "000000000000000000000000000001", "000000000000000000000000000002"


def apply() -> None:
    from ministack.services import dynamodb_streams as streams

    describe, iterate, read = streams._describe_stream, streams._get_shard_iterator, streams._get_records

    def describe_shards(data):
        plain = {name: data[name] for name in ("StreamArn", "ShardFilter") if name in data}
        status, headers, body = describe(plain)
        if status != 200:
            return status, headers, body
        description = json.loads(body)["StreamDescription"]
        ids = _open_ids(streams, description["StreamArn"])
        shards = [shard for one in description["Shards"] for shard in _shards(one, ids)]
        after = data.get("ExclusiveStartShardId")
        known = [shard["ShardId"] for shard in shards]
        if after:
            shards = shards[known.index(after) + 1 :] if after in known else []
        page = min(int(data.get("Limit") or PAGE), PAGE)
        description["Shards"] = shards[:page]
        if len(shards) > page:
            description["LastEvaluatedShardId"] = shards[page - 1]["ShardId"]
        return streams.json_response({"StreamDescription": description})

    def iterate_shard(data):
        shard = data.get("ShardId")
        if shard != _CLOSED and shard not in _open_ids(streams, data.get("StreamArn") or ""):
            return streams._shard_not_found()
        status, headers, body = iterate({**data, "ShardId": streams._DEFAULT_SHARD_ID})
        if status != 200:
            return status, headers, body
        return streams.json_response({"ShardIterator": f"{shard}|{json.loads(body)['ShardIterator']}"})

    def read_shard(data):
        shard, mark, iterator = (data.get("ShardIterator") or "").partition("|")
        status, headers, body = read({**data, "ShardIterator": iterator if mark else shard})
        if status != 200 or not mark:
            return status, headers, body
        if shard == _CLOSED:
            return streams.json_response({"Records": []})
        answer = json.loads(body)
        key, ids = _partition_key(streams, iterator), _open_ids(streams, (streams._decode_iterator(iterator) or {}).get("arn") or "")
        answer["Records"] = [record for record in answer["Records"] if _shard_of(record, key, ids) == shard]
        if answer.get("NextShardIterator"):
            answer["NextShardIterator"] = f"{shard}|{answer['NextShardIterator']}"
        return streams.json_response(answer)

    streams._describe_stream, streams._get_shard_iterator, streams._get_records = (
        describe_shards,
        iterate_shard,
        read_shard,
    )


def _open_ids(streams, arn: str) -> list[str]:
    table = streams._ddb._tables.get(arn.split("/")[1]) if "/" in arn else None
    writes = ((table or {}).get("ProvisionedThroughput") or {}).get("WriteCapacityUnits") or 0
    return [f"shardId-00000000000000000001-{number:08x}" for number in range(max(OPEN, writes // _WRITES_OF_A_PARTITION))]


def _shards(stock: dict, ids: list[str]) -> list[dict]:
    closed = {
        "ShardId": _CLOSED,
        "SequenceNumberRange": {"StartingSequenceNumber": _FIRST, "EndingSequenceNumber": _LAST},
    }
    return [closed, *({**stock, "ShardId": shard, "ParentShardId": _CLOSED} for shard in ids)]


def _partition_key(streams, iterator: str) -> str | None:
    decoded = streams._decode_iterator(iterator) or {}
    table = streams._ddb._tables.get(decoded.get("t")) or streams._ddb.closed_stream(decoded.get("arn")) or {}
    return next((key["AttributeName"] for key in table.get("KeySchema", []) if key["KeyType"] == "HASH"), None)


def _shard_of(record: dict, key: str | None, ids: list[str]) -> str:
    keys = record["dynamodb"]["Keys"]
    return ids[zlib.crc32(json.dumps(keys.get(key, keys), sort_keys=True).encode()) % len(ids)]
