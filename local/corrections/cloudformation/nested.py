"""Correction: a nested stack knows its parent and its root, and has its parent's role.

What AWS does ("Working with nested stacks"; "Stack" and "StackSummary" in the API reference): DescribeStacks and ListStacks show a
nested stack's ``ParentId``, the direct parent, and its ``RootId``, the top of the tree. The stacks of a tree are operated on through
the root; what CloudFormation does to a nested stack it does with the role of the parent.

What stock MiniStack does: shows neither id, takes the parent for the root, and gives a nested stack no role.

Its deletion is part of ``delete``.
"""

from __future__ import annotations

import re

# The role of a stack that has one is between the two already (``role``).
_MEMBER = re.compile(r"<StackId>([^<]+)</StackId>(?=(?:<RoleARN>[^<]*</RoleARN>)?<StackStatus>)")


def apply() -> None:
    from ministack.services.cloudformation import handlers, provisioners

    of_stacks = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    # create(logical_id, properties, stack_name), update(physical_id, old_properties, properties, stack_name)
    for operation, place in (("create", 2), ("update", 3)):
        of_stacks[operation] = _adopting(of_stacks[operation], place)
    for call in ("DescribeStacks", "ListStacks"):
        handlers._ACTION_HANDLERS[call] = _shown(handlers._ACTION_HANDLERS[call])


def _adopting(handler, place: int):
    def adopting(*given):
        from ministack.services.cloudformation import _stacks

        try:
            return handler(*given)
        finally:
            family = _ancestry(_stacks.get(given[place]))
            for child in list(_stacks.values()):
                if family and child.get("ParentId") == family[0]["StackId"]:
                    child["RootId"] = family[-1]["StackId"]
                    if family[-1].get("RoleARN"):
                        child["RoleARN"] = family[-1]["RoleARN"]

    return adopting


def _ancestry(stack: dict | None) -> list[dict]:
    """Returns a stack, its parent, and so on up to the root."""
    from ministack.services.cloudformation import handlers

    family = []
    while stack:
        family.append(stack)
        stack = handlers._resolve_stack(stack.get("ParentId"))
    return family


def _shown(handler):
    def shown(params):
        from ministack.services.cloudformation import handlers

        def with_family(found):
            stack = handlers._resolve_stack(found[1]) or {}
            return found[0] + "".join(
                f"<{name}>{stack[name]}</{name}>" for name in ("ParentId", "RootId") if stack.get(name)
            )

        status, headers, body = handler(params)
        return (
            (status, headers, _MEMBER.sub(with_family, body.decode()).encode())
            if status == 200
            else (status, headers, body)
        )

    return shown
