"""Correction: a stack has an execution role, and an operation under a role that cannot be assumed does not begin.

What AWS does ("CloudFormation service role", "Stack", "DeleteStack" in the API reference): ``RoleARN`` of CreateStack,
UpdateStack, CreateChangeSet (executed later) and DeleteStack stays associated with the stack, is shown by DescribeStacks and is
used by every later operation that names none; it cannot be removed, only replaced. If the role is gone, or its trust policy
does not let ``cloudformation.amazonaws.com`` assume it, the call itself answers ValidationError
``Role … is invalid or cannot be assumed`` and the stack stays as it is: nobody can delete it any more.

What stock MiniStack does: ignores ``RoleARN``.

Not known: whether a REVIEW_IN_PROGRESS stack already shows the role of its change set (here it does), and whether DeleteStack's
role replaces the stored one when the delete then fails (here it does).
"""

from __future__ import annotations

import json
import re
from xml.sax.saxutils import escape

SERVICE = "cloudformation.amazonaws.com"
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:.*/)?([^/]+)")
_MEMBER = re.compile(r"<StackId>([^<]+)</StackId>(?=<StackStatus>)")


def apply() -> None:
    from ministack.services.cloudformation import handlers

    actions = handlers._ACTION_HANDLERS
    for name in ("UpdateStack", "DeleteStack", "RollbackStack", "ContinueUpdateRollback"):
        actions[name] = _operation(actions[name])
    actions["CreateStack"] = _creation(actions["CreateStack"])
    actions["CreateChangeSet"] = _change_set(actions["CreateChangeSet"])
    actions["ExecuteChangeSet"] = _execution(actions["ExecuteChangeSet"])
    actions["DescribeStacks"] = _description(actions["DescribeStacks"])


def assumable(arn: str, stack_id: str = "") -> bool:
    """Tells whether CloudFormation can assume a role of the current account."""
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import iam

    parts = _ROLE.fullmatch(arn)
    role = iam._roles.get(parts[2]) if parts and parts[1] == get_account_id() else None
    if role is None or role.get("Arn") != arn:
        return False
    trust = role.get("AssumeRolePolicyDocument") or {}
    statements = (json.loads(trust) if isinstance(trust, str) else trust).get("Statement", [])
    context = iam_evaluator.EvalContext(
        principal_arn=SERVICE,
        principal_type="Service",
        principal_account=get_account_id(),
        action="sts:AssumeRole",
        resource_arn=arn,
        region=get_region(),
        service_context={"aws:sourceaccount": get_account_id(), "aws:sourcearn": stack_id},
    )
    effects = {
        statement.get("Effect")
        for statement in ([statements] if isinstance(statements, dict) else statements)
        if iam_evaluator._service_principal_matches(statement.get("Principal"), SERVICE)
        and iam_evaluator._action_matches(context.action, _listed(statement.get("Action")), [])
        and iam_evaluator._conditions_met(statement.get("Condition") or {}, context)
    }
    return effects == {"Allow"}


def refusal(arn: str) -> str:
    return f"Role {arn} is invalid or cannot be assumed"


def _listed(value) -> list:
    return [value] if isinstance(value, str) else list(value or [])


def _refused(role: str, stack_id: str = ""):
    """Returns the error answer for a role that cannot be assumed, else None."""
    from ministack.services.cloudformation.helpers import _error

    return _error("ValidationError", refusal(role)) if role and not assumable(role, stack_id) else None


def _operation(handler):
    """Wraps an operation on an existing stack."""

    def with_role(params):
        from ministack.services.cloudformation import handlers
        from ministack.services.cloudformation.helpers import _p

        stack = handlers._resolve_stack(_p(params, "StackName"))
        if stack is None or stack.get("StackStatus") in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
            return handler(params)
        role = _p(params, "RoleARN") or stack.get("RoleARN", "")
        answer = _refused(role, stack["StackId"]) or handler(params)
        if answer[0] == 200 and role:
            stack["RoleARN"] = role
        return answer

    return with_role


def _creation(handler):
    def with_role(params):
        from ministack.services.cloudformation import _stacks
        from ministack.services.cloudformation.helpers import _p

        role = _p(params, "RoleARN")
        answer = _refused(role) or handler(params)
        if answer[0] == 200 and role:
            _stacks[_p(params, "StackName")]["RoleARN"] = role
        return answer

    return with_role


def _change_set(handler):
    def with_role(params):
        from ministack.services.cloudformation import _change_sets, handlers
        from ministack.services.cloudformation.helpers import _p

        stack = handlers._resolve_stack(_p(params, "StackName")) or {}
        if stack.get("StackStatus") == "DELETE_COMPLETE":
            stack = {}
        given = _p(params, "RoleARN")
        answer = _refused(given or stack.get("RoleARN", ""), stack.get("StackId", "")) or handler(params)
        if answer[0] == 200 and given:
            change_set = _change_sets[re.search(rb"<Id>([^<]+)</Id>", answer[2])[1].decode()]
            change_set["RoleARN"] = given
            stack = handlers._resolve_stack(change_set["StackId"])
            if stack.get("StackStatus") == "REVIEW_IN_PROGRESS":
                stack["RoleARN"] = given
        return answer

    return with_role


def _execution(handler):
    def with_role(params):
        from ministack.services.cloudformation import _stacks, changesets
        from ministack.services.cloudformation.helpers import _p

        _, change_set = changesets._find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))
        stack = _stacks.get(change_set["StackName"]) if change_set else None
        if stack is None:
            return handler(params)
        role = change_set.get("RoleARN") or stack.get("RoleARN", "")
        answer = _refused(role, stack["StackId"]) or handler(params)
        if answer[0] == 200 and role:
            stack["RoleARN"] = role
        return answer

    return with_role


def _description(handler):
    def with_role(params):
        from ministack.services.cloudformation import handlers

        def shown(found):
            role = (handlers._resolve_stack(found[1]) or {}).get("RoleARN")
            return found[0] + (f"<RoleARN>{escape(role)}</RoleARN>" if role else "")

        status, headers, body = handler(params)
        return (
            (status, headers, _MEMBER.sub(shown, body.decode()).encode()) if status == 200 else (status, headers, body)
        )

    return with_role
