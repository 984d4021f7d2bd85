"""Correction: giving a role to a service takes ``iam:PassRole`` on it (with ``AUTH=true``).

What AWS does ("Grant a user permissions to pass a role to an AWS service"): a call that names a role for a service is allowed
only if the caller may also pass that role, to that service (``iam:PassedToService``). CloudFormation asks for it when a call
names a role, not when a stack goes on using the one it has.

What stock MiniStack does: lets anyone pass any role.
"""

from __future__ import annotations

import contextvars
import json

from local.corrections.iam import authority

# Action → where the request names the role (a path through its members), and the service that gets it.
_PASSED = {
    **{
        f"cloudformation:{action}": (("RoleARN",), "cloudformation.amazonaws.com")
        for action in ("CreateStack", "UpdateStack", "DeleteStack", "CreateChangeSet", "ContinueUpdateRollback")
    },
    "lambda:CreateFunction": (("Role",), "lambda.amazonaws.com"),
    "lambda:UpdateFunctionConfiguration": (("Role",), "lambda.amazonaws.com"),
    "states:CreateStateMachine": (("roleArn",), "states.amazonaws.com"),
    "states:UpdateStateMachine": (("roleArn",), "states.amazonaws.com"),
    "scheduler:CreateSchedule": (("Target", "RoleArn"), "scheduler.amazonaws.com"),
    "scheduler:UpdateSchedule": (("Target", "RoleArn"), "scheduler.amazonaws.com"),
}

# For the request under way: its action, role and service, and the role that it was not allowed to pass.
_passing: contextvars.ContextVar[tuple[str, str, str] | None] = contextvars.ContextVar("passing", default=None)
_refused: contextvars.ContextVar[str | None] = contextvars.ContextVar("refused", default=None)


def apply() -> None:
    from ministack.core import iam_actions, iam_evaluator

    if not authority.on():
        return
    context, enforce, answer = iam_actions.request_tag_context, iam_evaluator.enforce, iam_actions.access_denied_response

    def noting(service, action, body, params):
        role, to = _role_in(action, body, params)
        _passing.set((action, role, to) if role else None)
        _refused.set(None)
        return context(service, action, body, params)

    def enforced(access_key, action, service, region, **more):
        denied, passing = enforce(access_key, action, service, region, **more), _passing.get()
        if denied is None and passing and passing[0] == action:
            _, role, to = passing
            keys = {"iam:PassedToService": to}
            denied = enforce(access_key, "iam:PassRole", "iam", region, resource_arn=role, service_context=keys)
            _refused.set(role if denied else None)
        return denied

    def answering(service, action, *args, resource_arn="*", **more):
        if _refused.get():
            action, resource_arn = "iam:PassRole", _refused.get()
        return answer(service, action, *args, resource_arn=resource_arn, **more)

    iam_actions.request_tag_context, iam_evaluator.enforce = noting, enforced
    iam_actions.access_denied_response = answering


def _role_in(action: str, body: bytes, params: dict) -> tuple[str | None, str]:
    path, service = _PASSED.get(action, ((), ""))
    if not path:
        return None, ""
    found = params if action.startswith("cloudformation:") else json.loads(body or b"{}")
    for name in path:
        found = (found or {}).get(name)
    return (found[0] if isinstance(found, list) else found), service
