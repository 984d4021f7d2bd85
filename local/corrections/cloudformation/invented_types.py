"""Resource types that no service stands behind: a stack makes and deletes a record of them, and nothing else.

For tests of what is done with a type that nobody knows. With facts (those of ``registry.json``), such a type is registered:
DescribeType answers it, its delete permissions are demanded, and GetResource finds its records if there is a read handler.
"""

from __future__ import annotations

import uuid

from local.corrections.cloudformation import registry

# Physical ids, which are unique across accounts.
_MADE: dict[str, set[str]] = {}


def invent(kind: str, facts: dict | None) -> None:
    """Makes a type known to CloudFormation, and with facts to its registry; again to change the facts."""
    from ministack.services.cloudformation import provisioners

    made = _MADE.setdefault(kind, set())

    def create(logical_id, properties, stack_name):
        physical_id = f"{stack_name}-{logical_id}-{uuid.uuid4().hex[:12]}"
        made.add(physical_id)
        return physical_id, {}

    provisioners._RESOURCE_HANDLERS[kind] = {
        "create": create,
        "update": lambda physical_id, *given: (physical_id, {}),
        "delete": lambda physical_id, properties: made.discard(physical_id),
    }
    if facts is None:
        registry.types().pop(kind, None)
    else:
        registry.types()[kind] = facts


def invented(kind: str) -> bool:
    return kind in _MADE


def read(kind: str, physical_id: str) -> dict | None:
    """Returns the properties of a record, which has none, or None if there is no such record."""
    return {} if physical_id in _MADE[kind] else None
