"""Correction: CloudWatch Logs keeps query definitions, and a template can define them.

What AWS does ("PutQueryDefinition", "DescribeQueryDefinitions" and "DeleteQueryDefinition", API reference;
"AWS::Logs::QueryDefinition" in the template reference): a definition has an id that CloudWatch Logs gives it. A put with an id
replaces the definition: "No current values are retained". The same client token creates it only once. The list comes in pages,
by a prefix of the name if one is given. An id that is not there is ResourceNotFoundException. In a template, Ref and
QueryDefinitionId are the id, and every property is updated without replacement.

What stock MiniStack does: knows neither the calls nor the type, so it refuses the whole template.
"""

from __future__ import annotations

import time
import uuid

from local.corrections.cloudformation.handlers import service_failure
from local.corrections.logs import calls
from local.corrections.logs.calls import Refusal

KIND = "AWS::Logs::QueryDefinition"
# PutQueryDefinition's constraints ("Length Constraints").
LONGEST = {"name": 255, "queryString": 10_000}
LANGUAGES = ("CWLI", "SQL", "PPL")
MOST_GROUPS = 50  # "CloudWatch Logs quotas": log groups in a query
PAGE = 1000

_IN_TEMPLATE = {
    "name": "Name",
    "queryString": "QueryString",
    "queryLanguage": "QueryLanguage",
    "logGroupNames": "LogGroupNames",
}


def apply() -> None:
    definitions = Definitions(calls.store())
    calls.answer(
        PutQueryDefinition=definitions.put,
        DescribeQueryDefinitions=definitions.described,
        DeleteQueryDefinition=definitions.delete,
    )
    _follow_the_template(definitions)


class Definitions:
    """The query definitions by id; each keeps the client token that created it."""

    def __init__(self, kept):
        self._kept = kept

    def put(self, data: dict) -> dict:
        _check(data)
        given, token = data.get("queryDefinitionId"), data.get("clientToken")
        if given and given not in self._kept:
            raise _absent(given)
        already = next((one for one, (_, used) in self._kept.items() if token and used == token), None)
        identity = given or already or str(uuid.uuid4())
        definition = {
            "queryDefinitionId": identity,
            "name": data["name"],
            "queryString": data["queryString"],
            "queryLanguage": data.get("queryLanguage") or LANGUAGES[0],
            "lastModified": int(time.time() * 1000),
            "logGroupNames": data.get("logGroupNames") or [],
            **({"parameters": data["parameters"]} if data.get("parameters") else {}),
        }
        self._kept[identity] = (definition, token)
        return {"queryDefinitionId": identity}

    def described(self, data: dict) -> dict:
        prefix, language = data.get("queryDefinitionNamePrefix") or "", data.get("queryLanguage")
        token = data.get("nextToken") or "0"
        if not token.isdigit():
            raise Refusal("InvalidParameterException", "The specified nextToken is invalid.")
        found = [
            definition
            for definition, _ in self._kept.values()
            if definition["name"].startswith(prefix) and language in (None, definition["queryLanguage"])
        ]
        end = int(token) + min(data.get("maxResults") or PAGE, PAGE)
        more = {"nextToken": str(end)} if end < len(found) else {}
        return {"queryDefinitions": found[int(token) : end], **more}

    def delete(self, data: dict) -> dict:
        identity = data.get("queryDefinitionId")
        if identity not in self._kept:
            raise _absent(identity)
        del self._kept[identity]
        return {"success": True}


def _check(data: dict) -> None:
    for name, longest in LONGEST.items():
        if not 1 <= len(data.get(name) or "") <= longest:
            raise Refusal(
                "InvalidParameterException",
                f"1 validation error detected: Value at '{name}' failed to satisfy constraint: "
                f"Member must have length between 1 and {longest}",
            )
    if data.get("queryLanguage") not in (None, *LANGUAGES):
        raise Refusal("InvalidParameterException", f"queryLanguage must be one of {', '.join(LANGUAGES)}")
    if len(data.get("logGroupNames") or []) > MOST_GROUPS:
        raise Refusal("InvalidParameterException", f"logGroupNames must have at most {MOST_GROUPS} members")


def _absent(identity: str | None) -> Refusal:
    return Refusal("ResourceNotFoundException", f"The specified query definition does not exist: {identity}")


def _follow_the_template(definitions: Definitions) -> None:
    from ministack.services.cloudformation import provisioners

    def put(props: dict, identity: str | None):
        data = {name: props[key] for name, key in _IN_TEMPLATE.items() if props.get(key)}
        data["parameters"] = [
            {key[0].lower() + key[1:]: value for key, value in parameter.items()}
            for parameter in props.get("Parameters") or []
        ]
        try:
            identity = definitions.put({**data, **({"queryDefinitionId": identity} if identity else {})})[
                "queryDefinitionId"
            ]
        except Refusal as refusal:
            code = "NotFound" if refusal.code == "ResourceNotFoundException" else "InvalidRequest"
            raise service_failure(refusal.message, "CloudWatchLogs", 400, code) from refusal
        return identity, {"QueryDefinitionId": identity}

    def deleted(physical_id: str, _props: dict) -> None:
        try:
            definitions.delete({"queryDefinitionId": physical_id})
        except Refusal:
            pass  # someone has deleted it already

    provisioners._RESOURCE_HANDLERS[KIND] = {
        "create": lambda _logical_id, props, _stack: put(props, None),
        "update": lambda physical_id, _old, props, _stack: put(props, physical_id),
        "delete": deleted,
    }
