"""Splits the shards of a table's stream, for its event source mappings (``POST /_local/shards``)."""

from __future__ import annotations

from local.corrections.dynamodb import lineage
from local.door.faults import BadRule
from local.environment import ACCOUNT, REGION


def split(given) -> dict[str, list[str]]:
    """Splits every open shard in two and returns the ids of those that are open then."""
    from ministack.core.responses import request_scope
    from ministack.services import dynamodb

    if not isinstance(given, dict) or not isinstance(given.get("table"), str) or set(given) - {"table", "account"}:
        raise BadRule('the body is {"table": name, "account": id}; the account is optional')
    with request_scope(given.get("account", ACCOUNT), REGION):
        stream = (dynamodb._tables.get(given["table"]) or {}).get("LatestStreamArn")
        if not stream:
            raise BadRule(f"there is no table {given['table']} with a stream")
        return {"open": [shard.id for shard in lineage.split(stream, given["table"])]}
