"""Correction: IAM's decisions are remembered, with everything they rested on (``GET /_local/decisions``).

What AWS does ("AWS CloudTrail", "Refining permissions using last accessed information"): who used which permission can be
looked up afterwards. What stock MiniStack does: decides and forgets.

``local.needed`` replays these decisions against policies with a statement less.
"""

from __future__ import annotations

import hashlib
import json
import threading

from local.corrections.iam import authority


class Decisions:
    """The calls that a template's role or policy was allowed, each once."""

    def __init__(self):
        self._lock = threading.Lock()
        self._policies: dict[str, dict] = {}
        self._calls: dict[str, dict] = {}
        self._sources: dict[tuple, str | None] = {}

    def shown(self) -> dict:
        with self._lock:
            return {"policies": dict(self._policies), "calls": list(self._calls.values())}

    def note(self, context, policies) -> None:
        """Remembers an allowed call if any of the policies behind it comes from a stack's template."""
        named = self._named(context)
        if not any(source for source, _ in named):
            return
        keys = {key: _value(key, context) for key in _keys_in(policies)}
        entry = {
            "policies": [self._kept(source, document) for source, document in named],
            "principal": context.principal_arn,
            "action": context.action,
            "resource": context.resource_arn,
            "keys": {key: value for key, value in keys.items() if value is not None},
        }
        with self._lock:
            self._calls.setdefault(json.dumps(entry, sort_keys=True), entry)

    def _kept(self, source: str | None, document) -> str:
        text = document if isinstance(document, str) else json.dumps(document, sort_keys=True)
        name = hashlib.sha256(f"{source} {text}".encode()).hexdigest()[:16]
        with self._lock:
            self._policies.setdefault(name, {"source": source, "document": json.loads(text)})
        return name

    def _named(self, context) -> list[tuple[str | None, object]]:
        """Returns the principal's policies, each with the logical id it comes from."""
        from ministack.core.iam_evaluator import _resolve_managed_policy_document
        from ministack.services import iam

        account, name = context.principal_account, context.principal_arn
        if ":user/" in name:
            name = name.rsplit("/", 1)[-1]
            entity, inline, kind = iam._users.get(name), iam._user_inline_policies.get(name), "AWS::IAM::User"
        else:
            name = name.split("/")[1]
            entity, kind = iam._roles.get(name), "AWS::IAM::Role"
            inline = (entity or {}).get("InlinePolicies")
        origin = self._source(account, kind, name)
        own = [(origin and f"{origin}/{policy}", document) for policy, document in (inline or {}).items()]
        attached = [
            (self._source(account, "AWS::IAM::ManagedPolicy", arn), _resolve_managed_policy_document(arn, account))
            for arn in (entity or {}).get("AttachedPolicies", [])
        ]
        return [(source, document) for source, document in own + attached if document]

    def _source(self, account: str, kind: str, physical_id: str) -> str | None:
        """Returns the logical id of a resource that CloudFormation made, or None for any other."""
        from ministack.services.cloudformation import _stacks

        key = account, kind, physical_id
        if self._sources.get(key) is None:
            self._sources[key] = next(
                (
                    logical_id
                    for stack in list(_stacks.values())
                    for logical_id, made in list(stack.get("_resources", {}).items())
                    if (made.get("ResourceType"), made.get("PhysicalResourceId")) == (kind, physical_id)
                ),
                None,
            )
        return self._sources[key]


DECISIONS = Decisions()


def apply() -> None:
    from ministack.core import iam_evaluator

    if not authority.on():
        return
    evaluate, of_resource = iam_evaluator.evaluate, iam_evaluator.evaluate_resource_policy
    inside = threading.local()

    def evaluated(context, policies, *limits):
        result = evaluate(context, policies, *limits)
        if result.decision == "Allow" and not getattr(inside, "resource", False):
            DECISIONS.note(context, policies)
        return result

    def of_resource_unnoted(*args, **more):
        inside.resource = True
        try:
            return of_resource(*args, **more)
        finally:
            inside.resource = False

    iam_evaluator.evaluate, iam_evaluator.evaluate_resource_policy = evaluated, of_resource_unnoted


def _keys_in(policies) -> set[str]:
    return {
        key.lower()
        for statements in policies
        for statement in statements
        for block in (statement.conditions or {}).values()
        for key in block
    }


def _value(key: str, context):
    from ministack.core.iam_evaluator import _resolve_condition_key

    return _resolve_condition_key(key, context)
