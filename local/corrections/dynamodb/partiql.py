"""Correction: writes by PartiQL are on the table's stream.

What AWS does ("Change data capture for DynamoDB Streams", "PartiQL - a SQL-compatible query language for Amazon DynamoDB"): a
stream has every change of an item, whichever operation made it; a transaction that is cancelled has changed nothing.

What stock MiniStack does: ExecuteStatement, BatchExecuteStatement and ExecuteTransaction leave no stream record.
"""

from __future__ import annotations

import contextvars

Change = tuple[str, dict | None, dict | None]  # table, old and new item

# What the statements under way have changed so far; None outside of them.
_changes: contextvars.ContextVar[list[Change] | None] = contextvars.ContextVar("changes", default=None)


def apply() -> None:
    from ministack.services import dynamodb

    _note_changes(dynamodb)
    for name in ("_execute_statement", "_batch_execute_statement", "_execute_transaction"):
        setattr(dynamodb, name, _recorded(dynamodb, getattr(dynamodb, name)))


def _note_changes(dynamodb) -> None:
    put, remove = dynamodb._set_item, dynamodb._remove_item

    def note(table, partition, sort, new):
        if (changes := _changes.get()) is not None:
            changes.append((table["TableName"], table["items"].get(partition, {}).get(sort), new))

    def put_noted(table, partition, sort, item, *more):
        note(table, partition, sort, item)
        return put(table, partition, sort, item, *more)

    def remove_noted(table, partition, sort):
        note(table, partition, sort, None)
        return remove(table, partition, sort)

    dynamodb._set_item, dynamodb._remove_item = put_noted, remove_noted


def _recorded(dynamodb, execute):
    def recorded(data):
        token = _changes.set([])
        try:
            answer, changes = execute(data), _changes.get() or []
        finally:
            _changes.reset(token)
        if answer[0] == 200:
            for table, old, new in changes:
                event = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
                dynamodb._emit_stream_event(table, event, old, new)
        return answer

    return recorded
