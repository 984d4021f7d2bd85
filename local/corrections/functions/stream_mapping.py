"""Correction: a DynamoDB stream's event source mapping fails, splits, retries and discards as on AWS.

What AWS does ("Configuring partial batch response with DynamoDB and Lambda", "Retain discarded records for a DynamoDB event
source in Lambda"):

- with ``ReportBatchItemFailures`` the lowest reported sequence number becomes the checkpoint and everything from there is
  retried; an empty, null or unknown identifier, or an answer of another shape, fails the whole batch;
- a batch whose invocation failed is split in two with ``BisectBatchOnFunctionError``, a partly failed one is split at the
  reported record; splitting does not consume the retry quota;
- a batch that has used up its ``MaximumRetryAttempts`` is discarded to the on-failure destination; a throttled one is not;
- a shard is processed in order: nothing after a failed batch is read before that batch is done; shards are processed side by
  side, a shard that was split before those that came of it (``dynamodb.lineage``).

What stock MiniStack does: every answer without a function error is a success, a failing batch is retried for ever, and one
thread serves all mappings.

Retries wait milliseconds here where AWS waits seconds.

Not known from the documentation: whether a report of the batch's *first* record splits the batch. Here it does not: it counts
as a retry of the whole batch, the stricter reading.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass

from local.corrections.dynamodb import lineage
from local.corrections.dynamodb.lineage import Shard
from local.corrections.functions import failure_destination

logger = logging.getLogger(__name__)

BACKOFF_SECONDS = 0.05
BACKOFF_LONGEST_SECONDS = 0.2


@dataclass
class Batch:
    """Consecutive records of a shard, as (position in the stream, record)."""

    entries: list[tuple[int, dict]]
    end: int  # the checkpoint once this batch is done
    failures: int = 0  # failed invocations, splits included
    retries: int = 0  # what counts against MaximumRetryAttempts
    filtered: int = 0  # records that the mapping's filter took out

    @property
    def records(self) -> list[dict]:
        return [record for _, record in self.entries]

    def split(self, at: int) -> tuple[Batch, Batch]:
        middle = self.entries[at][0]
        return (
            Batch(self.entries[:at], middle, self.failures, self.retries),
            Batch(self.entries[at:], self.end, self.failures, self.retries),
        )


def apply() -> None:
    from ministack.services import lambda_svc

    lambda_svc._poll_dynamodb_streams = _start_idle_shards


# A reader is a mapping on a shard, by their ids: those at work (the lock is held while one starts or ends), and for each the
# batches that are read but not done.
Reader = tuple[str, str]
_busy: set[Reader] = set()
starting = threading.Lock()
_waiting: dict[Reader, list[Batch]] = {}
# The checkpoints of shards that came of a split; MiniStack has those of the first shard.
_positions: dict[Reader, int] = {}


def _start_idle_shards() -> bool:
    """Starts a thread for each shard of a mapping that has work, and tells whether it started any."""
    from ministack.core.concurrency import spawn_background
    from ministack.services import lambda_svc

    started = False
    mappings = list(lambda_svc._iter_all_esms())
    for account, region, esm in mappings:
        if ":dynamodb:" not in esm.get("EventSourceArn", ""):
            continue
        with _scope(account, region):
            for shard in _ready(esm):
                with starting:
                    if (esm["UUID"], shard.id) in _busy:
                        continue
                    _busy.add((esm["UUID"], shard.id))
                spawn_background(_work, esm, shard.id, thread_name=f"stream-{esm['FunctionName']}")
                started = True
    kept = {esm["UUID"] for _, _, esm in mappings}
    for left in (_waiting, _positions):
        for gone in [reader for reader in list(left) if reader[0] not in kept]:
            left.pop(gone, None)
    return started


def _ready(esm: dict) -> list[Shard]:
    """Returns the shards that have something to do, and whose parents have nothing left."""
    source = _source(esm)
    if source is None:
        return []
    ready, over = [], {None}
    for shard in lineage.of(esm["EventSourceArn"]):
        if shard.parent not in over:
            continue
        if _is_over(esm, shard, source[0]):
            over.add(shard.id)
        elif (esm["UUID"], shard.id) in _waiting or _unread(esm, shard, source[0]):
            ready.append(shard)
    return ready


def _is_over(esm: dict, shard: Shard, table_name: str) -> bool:
    reader = (esm["UUID"], shard.id)
    with starting:
        at_work = reader in _busy
    ended = shard.end is not None and _position(esm, shard, table_name) >= shard.end
    return ended and not at_work and reader not in _waiting


class _scope:
    """Sets the account and region in which MiniStack looks things up."""

    def __init__(self, account: str, region: str):
        self._values = (account, region)

    def __enter__(self):
        from ministack.services.lambda_svc import _request_account_id, _request_region

        self._variables = (_request_account_id, _request_region)
        self._tokens = [variable.set(value) for variable, value in zip(self._variables, self._values, strict=True)]

    def __exit__(self, *_):
        for variable, token in zip(self._variables, self._tokens, strict=True):
            variable.reset(token)


def _source(esm: dict) -> tuple[str, dict] | None:
    """Returns the table's name and the function of a mapping that can run now, else None."""
    from ministack.services import dynamodb, lambda_svc

    if not esm.get("Enabled", True) or esm["UUID"] not in lambda_svc._esms:
        return None
    arn = esm["EventSourceArn"]
    table_name = arn.split("/stream/")[0].rsplit("/", 1)[-1]
    table = dynamodb._tables.get(table_name)
    function, _ = lambda_svc._get_func_record_for_qualifier(esm["FunctionName"], esm.get("Qualifier"))
    if not table or table.get("LatestStreamArn") != arn or function is None:
        return None
    return table_name, function


def _position(esm: dict, shard: Shard, table_name: str) -> int:
    """Returns the checkpoint, the position of the first record that is not done."""
    from ministack.services import dynamodb, lambda_svc

    horizon = dynamodb.stream_start_position(table_name)
    with lambda_svc._dynamodb_stream_positions_lock:
        positions, key = _checkpoints(esm, shard.id)
        if key not in positions and shard.parent is not None:
            before, parent = _checkpoints(esm, shard.parent)
            positions[key] = max(shard.begin, before[parent])  # a mapping may begin later than the shard
        elif key not in positions:
            latest = esm.get("StartingPosition", "LATEST") == "LATEST"
            positions[key] = dynamodb.stream_end_position(table_name) if latest else horizon
        return max(positions[key], horizon)


def _checkpoint(esm: dict, shard: Shard, position: int) -> None:
    from ministack.services import lambda_svc

    with lambda_svc._dynamodb_stream_positions_lock:
        positions, key = _checkpoints(esm, shard.id)
        positions[key] = position


def _checkpoints(esm: dict, shard_id: str):
    """Returns where a shard's checkpoint is kept, and under which key."""
    from ministack.services import dynamodb_streams, lambda_svc

    if shard_id == dynamodb_streams._DEFAULT_SHARD_ID:
        return lambda_svc._dynamodb_stream_positions, esm["UUID"]
    return _positions, (esm["UUID"], shard_id)


def _unread(esm: dict, shard: Shard, table_name: str) -> bool:
    from ministack.services import dynamodb

    end = dynamodb.stream_end_position(table_name)
    return _position(esm, shard, table_name) < (end if shard.end is None else min(end, shard.end))


def _work(esm: dict, shard_id: str) -> None:
    """Works through a shard until it is empty or the mapping cannot run any more."""
    from ministack.core.concurrency import esm_wake

    reader = (esm["UUID"], shard_id)
    try:
        while (source := _source(esm)) is not None:
            with lineage.lock:
                shard = next(one for one in lineage.of(esm["EventSourceArn"]) if one.id == shard_id)
                batches = _waiting.get(reader) or _read(esm, shard, source[0])
            if not batches:
                break
            batch = batches.pop(0)
            after, pause = _process(esm, source[1], batch, shard_id)
            batches[:0] = after
            _checkpoint(esm, shard, after[0].entries[0][0] if after else batch.end)
            if batches:
                _waiting[reader] = batches
            else:
                _waiting.pop(reader, None)
            time.sleep(pause)
    finally:
        with starting:
            _busy.discard(reader)
        esm_wake.set()


def _read(esm: dict, shard: Shard, table_name: str) -> list[Batch]:
    from ministack.services import dynamodb, lambda_svc

    position = _position(esm, shard, table_name)
    records = dynamodb.stream_records_since(table_name, position, int(esm.get("BatchSize") or 100))
    if shard.end is not None:
        records = records[: max(0, shard.end - position)]
    if not records:
        return []
    key = lineage.partition_key(dynamodb._tables[table_name])
    entries = [(position + n, record) for n, record in enumerate(records) if shard.holds(record, key)]
    chosen = {id(record) for record in lambda_svc._apply_filter_criteria([record for _, record in entries], esm)}
    kept = [(at, record) for at, record in entries if id(record) in chosen]
    return [Batch(kept, position + len(records), filtered=len(entries) - len(kept))]


def _process(esm: dict, function: dict, batch: Batch, shard_id: str) -> tuple[list[Batch], float]:
    """Invokes once. Returns the batches that remain, in order, and the seconds to wait before them."""
    if not batch.entries:  # all filtered out
        return [], 0
    result, failed_at = _invoke(esm, function, batch)
    if result.get("throttle"):
        # The function was not invoked: AWS retries until the records expire.
        return [batch], BACKOFF_SECONDS
    if failed_at is None:
        esm["LastProcessingResult"] = "OK"
        return [], 0

    esm["LastProcessingResult"] = "PROBLEM: Function call failed"
    logger.info(
        "%s: batch of %d failed from record %d on: %s",
        esm["FunctionName"],
        len(batch.entries),
        failed_at,
        result.get("body"),
    )
    batch.failures += 1
    pause = min(BACKOFF_SECONDS * 2 ** min(batch.retries, 10), BACKOFF_LONGEST_SECONDS)
    bisect = bool(esm.get("BisectBatchOnFunctionError"))
    if result.get("error") and bisect and len(batch.entries) > 1:
        return list(batch.split(len(batch.entries) // 2)), 0
    if failed_at > 0:
        batch = batch.split(failed_at)[1]
        if bisect:
            return [batch], 0
    condition = _exhausted(esm, batch)
    if condition is None:
        batch.retries += 1
        return [batch], pause
    failure_destination.send(esm, function, batch.records, result, condition, batch.failures, shard_id)
    return [], 0


def _invoke(esm: dict, function: dict, batch: Batch) -> tuple[dict, int | None]:
    """Returns the result, and the index of the first record that failed, if any did."""
    from ministack.services import lambda_svc

    result = lambda_svc._execute_function(function, {"Records": batch.records})
    return result, None if result.get("throttle") else first_failure(esm, result, batch.records)


def _exhausted(esm: dict, batch: Batch) -> str | None:
    """Returns AWS's word for why a failed batch is not retried any more, or None while it is."""
    quota = esm.get("MaximumRetryAttempts")
    if quota is not None and 0 <= int(quota) <= batch.retries:
        return "RetryAttemptsExhausted"
    oldest_allowed = esm.get("MaximumRecordAgeInSeconds")
    if oldest_allowed is not None and int(oldest_allowed) > 0:
        created = batch.records[0]["dynamodb"].get("ApproximateCreationDateTime", time.time())
        if time.time() - float(created) > int(oldest_allowed):
            return "MaxRecordAgeExceeded"
    return None


def first_failure(esm: dict, result: dict, records: list[dict]) -> int | None:
    """Returns the index of the first record that counts as failed, or None if the whole batch succeeded."""
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in (esm.get("FunctionResponseTypes") or []):
        return None
    answer = result.get("body")
    if isinstance(answer, str) and answer:
        try:
            answer = json.loads(answer)
        except ValueError:
            return 0
    if not answer:
        return None
    if not isinstance(answer, dict):
        return 0
    failures = answer.get("batchItemFailures")
    if not failures:
        return None
    if not isinstance(failures, list):
        return 0
    known = {record["dynamodb"]["SequenceNumber"]: n for n, record in enumerate(records)}
    reported = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures]
    if any(not isinstance(identifier, str) or identifier not in known for identifier in reported):
        return 0
    return min(known[identifier] for identifier in reported)
