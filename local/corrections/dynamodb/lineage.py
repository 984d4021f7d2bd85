"""The shards of a stream as its event source mappings read them, and how they come from each other.

"Change data capture for DynamoDB Streams": a shard holds the records of some partition keys, in order; when it is split it takes
no more records and its two children go on; a parent is to be read before its children. A stream begins here with one shard for
all keys, and ``split`` (``POST /_local/shards``) splits every open one.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from dataclasses import dataclass, replace

_EVERY_HASH = (0, 2**32)

# Held while a shard is split or read, so that nothing is read past the end that it is given.
lock = threading.RLock()
_shards: dict[str, list[Shard]] = {}  # by the stream's ARN, which is never used again


@dataclass(frozen=True)
class Shard:
    """The records from ``begin`` up to ``end`` (positions in the stream) whose keys' hashes are in the range."""

    id: str
    begin: int = 0
    end: int | None = None
    hashes: tuple[int, int] = _EVERY_HASH
    parent: str | None = None

    def holds(self, record: dict, key: str | None) -> bool:
        return self.hashes == _EVERY_HASH or self.hashes[0] <= _hash(record, key) < self.hashes[1]


def of(stream_arn: str) -> list[Shard]:
    """Returns a stream's shards, parents before their children."""
    from ministack.services import dynamodb_streams

    with lock:
        return list(_shards.get(stream_arn) or [Shard(dynamodb_streams._DEFAULT_SHARD_ID)])


def split(stream_arn: str, table_name: str) -> list[Shard]:
    """Splits every open shard in two, at the end of what the stream holds, and returns those that are open now."""
    from ministack.services import dynamodb

    with lock:
        at, found = dynamodb.stream_end_position(table_name), []
        for shard in of(stream_arn):
            found.append(shard if shard.end is not None else replace(shard, end=at))
        for shard in [shard for shard in of(stream_arn) if shard.end is None]:
            low, high = shard.hashes
            middle = (low + high) // 2
            found += [Shard(_new_id(), at, None, part, shard.id) for part in ((low, middle), (middle, high))]
        _shards[stream_arn] = found
        return [shard for shard in found if shard.end is None]


def partition_key(table: dict) -> str | None:
    return next((key["AttributeName"] for key in table.get("KeySchema", []) if key["KeyType"] == "HASH"), None)


def _new_id() -> str:
    return f"shardId-00000000000000000002-{uuid.uuid4().hex[:8]}"


def _hash(record: dict, key: str | None) -> int:
    keys = record["dynamodb"]["Keys"]
    # Not CRC-32, whose first bits are the same for keys that differ in their last character alone.
    digest = hashlib.md5(json.dumps(keys.get(key, keys), sort_keys=True).encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big")
