"""Correction: DynamoDB itself removes expired items, and the stream record says so.

What AWS does ("DynamoDB Streams and Time to Live"): the REMOVE record of a TTL deletion carries
``userIdentity: {type: Service, principalId: dynamodb.amazonaws.com}``. TTL ignores an attribute that is not a number and one
more than five years in the past ("Using time to live (TTL) in DynamoDB").

What stock MiniStack does: a thread removes expired items once a minute, of any type, without a stream record; GetRecords spells
the identity as Lambda does, where the API has ``Type`` and ``PrincipalId`` ("Identity", API reference).

Here the reaper runs every minute and on request (``POST /_local/ttl``).
"""

from __future__ import annotations

import contextvars
import threading
import time
from decimal import Decimal, InvalidOperation

IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
LONGEST_AGO_SECONDS = 5 * 365 * 24 * 3600
EVERY_SECONDS = 60

_expiring: contextvars.ContextVar[bool] = contextvars.ContextVar("expiring", default=False)


def apply() -> None:
    from ministack.services import dynamodb, dynamodb_streams

    build, remove, page = dynamodb._build_change_record, dynamodb._remove_item, dynamodb_streams._cap_page_bytes

    def build_with_identity(*args, **kwargs):
        record = build(*args, **kwargs)
        if _expiring.get():
            record["userIdentity"] = dict(IDENTITY)
        return record

    def remove_unless_stock_reaper(table, partition, sort):
        if threading.current_thread().name == "dynamodb-ttl-reaper":
            return None
        return remove(table, partition, sort)

    def page_in_api_shape(records):
        shape = {"userIdentity": {"Type": IDENTITY["type"], "PrincipalId": IDENTITY["principalId"]}}
        return [{**record, **shape} if "userIdentity" in record else record for record in page(records)]

    dynamodb_streams._cap_page_bytes = page_in_api_shape
    dynamodb._build_change_record = build_with_identity
    dynamodb._remove_item = remove_unless_stock_reaper
    threading.Thread(target=_reap_regularly, daemon=True, name="local-ttl").start()


def _reap_regularly() -> None:
    from ministack import app

    while True:
        time.sleep(EVERY_SECONDS)
        if app._MAIN_LOOP is not None:
            app._MAIN_LOOP.call_soon_threadsafe(reap)


def reap(now: float | None = None) -> int:
    """Removes every expired item (at ``now``, epoch seconds, if given) from every table and returns how many.

    Call it on the server's event loop, where all writes happen.
    """
    from ministack.core.responses import request_scope
    from ministack.services import dynamodb

    at, removed = Decimal(time.time() if now is None else now), 0
    for (account, region, name), setting in list(dynamodb._ttl_settings.all_items()):
        table = dynamodb._tables.get_scoped(account, region, name)
        if setting.get("TimeToLiveStatus") != "ENABLED" or not table:
            continue
        with request_scope(account, region):
            removed += _reap_table(name, table, setting["AttributeName"], at)
    return removed


def _reap_table(name: str, table: dict, attribute: str, now: Decimal) -> int:
    from ministack.services import dynamodb

    expired = [
        (partition, sort)
        for partition, items in table["items"].items()
        for sort, item in items.items()
        if _is_expired(item.get(attribute), now)
    ]
    token = _expiring.set(True)
    try:
        for partition, sort in expired:
            old = dynamodb._remove_item(table, partition, sort)
            dynamodb._emit_stream_event(name, "REMOVE", old, None)
    finally:
        _expiring.reset(token)
    return len(expired)


def _is_expired(value, now: Decimal) -> bool:
    if not isinstance(value, dict) or "N" not in value:
        return False
    try:
        at = Decimal(value["N"])
    except InvalidOperation:
        return False
    return now - LONGEST_AGO_SECONDS < at <= now
