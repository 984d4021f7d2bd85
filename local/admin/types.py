"""Invents a resource type, for tests (``POST /_local/type``)."""

from __future__ import annotations

from local.corrections.cloudformation import invented_types
from local.door.faults import BadRule

FORM = '{"type": "AWS::Service::Thing", "facts": {"provisioningType", "primaryIdentifier", "handlers"} or null}'


def invent(given) -> dict:
    """Makes a type that no service stands behind; a type of a service cannot be replaced."""
    from ministack.services.cloudformation import provisioners

    kind = given.get("type") if isinstance(given, dict) else None
    facts = given.get("facts") if isinstance(given, dict) else None
    if not isinstance(kind, str) or not isinstance(facts, dict | None) or set(given) - {"type", "facts", "account"}:
        raise BadRule(f"the body is {FORM}")
    if facts is not None and not {"provisioningType", "primaryIdentifier"} <= set(facts):
        raise BadRule(f"the body is {FORM}")
    if kind in provisioners._RESOURCE_HANDLERS and not invented_types.invented(kind):
        raise BadRule(f"{kind} is a type of a service")
    invented_types.invent(kind, facts)
    return {"type": kind}
