"""Correction: a log group has its field index policy.

What AWS does ("PutIndexPolicy", "DescribeIndexPolicies" and "DeleteIndexPolicy", API reference; "Field index syntax and quotas";
"AWS::Logs::LogGroup" in the template reference): a group of the Standard class has at most one policy of its own, a JSON
document with ``Fields``, ``FieldsV2`` (field → type) or both: at least one field, at most 20, each in one of the two and of at
most 100 characters. The property FieldIndexPolicies sets it, a template without the property takes it away.

What stock MiniStack does: drops the property and knows none of the calls. Queries here do not use the indexes.
"""

from __future__ import annotations

import json
import time

from local.corrections.cloudformation.handlers import check_before, complete_after, service_failure
from local.corrections.logs import calls
from local.corrections.logs.calls import Refusal

GROUP = "AWS::Logs::LogGroup"
POLICY = "fieldIndexPolicy"
MOST_FIELDS = 20
LONGEST_FIELD = 100
TYPES = ("FIELD_INDEX", "FACET")


def apply() -> None:
    calls.answer(PutIndexPolicy=_put, DescribeIndexPolicies=_described, DeleteIndexPolicy=_delete)
    check_before(GROUP, _check_template)
    complete_after(GROUP, _follow_template)


def _put(data: dict) -> dict:
    name, group = calls.named_group(data.get("logGroupIdentifier"))
    document = data.get("policyDocument") or ""
    if group.get("logGroupClass", "STANDARD") != "STANDARD":
        raise _invalid(f"only log groups of the Standard class support index policies, unlike {name}")
    _check(document)
    group[POLICY] = {
        "logGroupIdentifier": group["arn"].removesuffix(":*"),
        "lastUpdateTime": int(time.time() * 1000),
        "policyDocument": document,
        "source": "LOG_GROUP",
    }
    return {"indexPolicy": group[POLICY]}


def _described(data: dict) -> dict:
    groups = [calls.named_group(identifier)[1] for identifier in data.get("logGroupIdentifiers") or []]
    return {"indexPolicies": [group[POLICY] for group in groups if POLICY in group]}


def _delete(data: dict) -> dict:
    name, group = calls.named_group(data.get("logGroupIdentifier"))
    if group.pop(POLICY, None) is None:
        raise Refusal("ResourceNotFoundException", f"The specified log group has no index policy: {name}")
    return {}


def _check(document: str) -> None:
    try:
        policy = json.loads(document)
    except ValueError:
        raise _invalid("the policy document is not JSON") from None
    if not isinstance(policy, dict) or policy.keys() - {"Fields", "FieldsV2"}:
        raise _invalid("the policy document may have Fields and FieldsV2")
    fields, typed = policy.get("Fields", []), policy.get("FieldsV2", {})
    if not isinstance(fields, list) or not isinstance(typed, dict):
        raise _invalid("Fields is a list, FieldsV2 an object")
    names = [*fields, *typed]
    if not all(isinstance(name, str) and 1 <= len(name) <= LONGEST_FIELD for name in names):
        raise _invalid(f"a field has between 1 and {LONGEST_FIELD} characters")
    if not 1 <= len(names) <= MOST_FIELDS:
        raise _invalid(f"the policy must have at least one field and at most {MOST_FIELDS}")
    if len(set(names)) < len(names):
        raise _invalid("a field may be named only once")
    if any(not isinstance(field, dict) or field.get("type") not in TYPES for field in typed.values()):
        raise _invalid(f"the type of a field is one of {', '.join(TYPES)}")


def _invalid(problem: str) -> Refusal:
    return Refusal("InvalidParameterException", f"Invalid index policy: {problem}")


def _documents(props: dict) -> list[str]:
    return [one if isinstance(one, str) else json.dumps(one) for one in props.get("FieldIndexPolicies") or []]


def _check_template(props: dict) -> None:
    documents = _documents(props)
    try:
        if len(documents) > 1:
            raise _invalid("a log group has at most one")
        for document in documents:
            _check(document)
    except Refusal as refusal:
        raise service_failure(refusal.message, "CloudWatchLogs", 400, "InvalidRequest") from refusal


def _follow_template(name: str, props: dict) -> None:
    _, group = calls.named_group(name)
    group.pop(POLICY, None)
    for document in _documents(props):
        _put({"logGroupIdentifier": name, "policyDocument": document})
