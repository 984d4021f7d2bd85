"""Correction: the CloudFormation registry: DescribeType answers the schema of a resource type.

What AWS does ("DescribeType", "Resource type definition schema"): the answer's ``Schema`` is JSON: the primary identifier, and for
each handler the permissions that it needs. ``ProvisioningType`` is FULLY_MUTABLE, IMMUTABLE (no update handler) or
NON_PROVISIONABLE (not all of create, read and delete). A type of the last kind may have no handlers at all, then the schema names
none; or, as ``AWS::IAM::Policy`` does, all but a read handler. A type that is not registered is TypeNotFoundException with status
404; a name such as ``Custom::Thing`` does not even fit the pattern.

What stock MiniStack does: does not know the call.

``registry.json`` has the facts of AWS's published schemas: identifiers and permissions, not the properties. A type that is not in
it is unknown here, also where AWS knows it.
"""

from __future__ import annotations

import json
import pathlib
import re
from functools import cache
from xml.sax.saxutils import escape

_NAME = re.compile(r"[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}(::MODULE){0,1}")
_ARN = re.compile(r"arn:aws:cloudformation:[a-z0-9-]+::type/resource/(\w+)-(\w+)-(\w+)")


@cache
def types() -> dict[str, dict]:
    """Returns the facts of every type that the registry knows."""
    return json.loads(pathlib.Path(__file__).with_name("registry.json").read_text())


def malformed(name: str) -> str | None:
    """Returns why a string cannot be the name of a type, if it cannot."""
    if _NAME.fullmatch(name):
        return None
    return (
        f"1 validation error detected: Value '{name}' at 'typeName' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {_NAME.pattern}"
    )


def unknown(name: str) -> str:
    return f"The type '{name}' cannot be found."


def apply() -> None:
    from ministack.services.cloudformation import handlers

    handlers._ACTION_HANDLERS["DescribeType"] = _describe_type


def _describe_type(params):
    from ministack.core.responses import get_region
    from ministack.services.cloudformation.helpers import _error, _p, _xml

    kind, name, arn = _p(params, "Type"), _p(params, "TypeName"), _p(params, "Arn")
    if not arn and not (kind and name):
        return _error("ValidationError", "Either Arn, or Type and TypeName are required")
    if arn:
        parts = _ARN.fullmatch(arn)
        kind, name = "RESOURCE", "::".join(parts.groups()) if parts else arn
    elif problem := malformed(name):
        return _error("ValidationError", problem)
    known = types().get(name) if kind == "RESOURCE" else None
    if known is None:
        return _error("TypeNotFoundException", unknown(name), 404)
    answer = {
        "Arn": f"arn:aws:cloudformation:{get_region()}::type/resource/{name.replace('::', '-')}",
        "Type": "RESOURCE",
        "TypeName": name,
        "IsDefaultVersion": "true",
        "Schema": json.dumps(_schema(name, known)),
        "ProvisioningType": known["provisioningType"],
        "DeprecatedStatus": "LIVE",
        "Visibility": "PUBLIC",
    }
    members = "".join(f"<{member}>{escape(value)}</{member}>" for member, value in answer.items())
    return _xml(200, "DescribeTypeResponse", f"<DescribeTypeResult>{members}</DescribeTypeResult>")


def _schema(name: str, known: dict) -> dict:
    facts = {fact: value for fact, value in known.items() if fact != "provisioningType"}
    pointers = [*known["primaryIdentifier"], *known.get("readOnlyProperties", [])]
    properties = {pointer.removeprefix("/properties/"): {"type": "string"} for pointer in pointers}
    return {"typeName": name, "additionalProperties": False, "properties": properties, **facts}
