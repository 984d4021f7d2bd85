"""Correction: Cognito's UpdateUserPool sets what it is not given to its default, and refuses what AWS refuses.

What AWS does ("UpdateUserPool"): "If you don't provide a value for an attribute, Amazon Cognito sets it to its default value". So
an update that only lifts the deletion protection lets anybody sign up and verifies no address. (Some attributes have been seen to
stay; nothing documents which.) It refuses the old name of a temporary password's validity beside the new one, and tags that only
AWS may set ("Tag naming limits and requirements"). "DeleteUserPool" refuses a protected pool, and one that has a domain.

What stock MiniStack does: keeps what it is not given, takes both names and every tag, and deletes any pool.
"""

from __future__ import annotations

# The defaults that "CreateUserPool" documents; stock holds the same for a new pool.
DEFAULTS = {
    "AccountRecoverySetting": {},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False},
    "AutoVerifiedAttributes": [],
    "DeletionProtection": "INACTIVE",
    "EmailVerificationMessage": "",
    "EmailVerificationSubject": "",
    "LambdaConfig": {},
    "SmsVerificationMessage": "",
    "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
}


def apply() -> None:
    from ministack.core.responses import error_response_json
    from ministack.services import cognito

    run = cognito._run_idp_handler

    # Around the calls of the API alone: CloudFormation's handlers fill in the defaults themselves, and set tags of AWS's own.
    def checked(handler, action: str, data: dict):
        why = None
        if action == "UpdateUserPool":
            why, data = _refusal(data), {**DEFAULTS, **_with_own_tags(_without_zero(data))}
        elif action == "DeleteUserPool":
            why = undeletable(data.get("UserPoolId", ""))
        return error_response_json("InvalidParameterException", why, 400) if why else run(handler, action, data)

    cognito._run_idp_handler = checked


def undeletable(pool_id: str) -> str | None:
    """Returns the reason why a pool cannot be deleted now, in Cognito's words."""
    from ministack.services import cognito

    pool = cognito._user_pools.get(pool_id) or {}
    if pool.get("DeletionProtection") == "ACTIVE":
        return (
            "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first."
        )
    if pool.get("Domain") or pool.get("CustomDomain"):
        return "User pool cannot be deleted. It has a domain configured that should be deleted first."
    return None


def _with_own_tags(data: dict) -> dict:
    """Keeps the tags that only AWS may set: no update takes them away."""
    from ministack.services import cognito

    if "UserPoolTags" not in data:
        return data
    there = (cognito._user_pools.get(data.get("UserPoolId", "")) or {}).get("UserPoolTags") or {}
    own = {name: value for name, value in there.items() if name.startswith("aws:")}
    return {**data, "UserPoolTags": {**data["UserPoolTags"], **own}}


def _without_zero(data: dict) -> dict:
    """Leaves a validity of 0 days out: in the service's model that is the member's default, and so the same as none."""
    config = data.get("AdminCreateUserConfig")
    if not config or config.get("UnusedAccountValidityDays") != 0:
        return data
    kept = {name: value for name, value in config.items() if name != "UnusedAccountValidityDays"}
    return {**data, "AdminCreateUserConfig": kept}


def _refusal(data: dict) -> str | None:
    policy = (data.get("Policies") or {}).get("PasswordPolicy") or {}
    old, new = (data.get("AdminCreateUserConfig") or {}).get("UnusedAccountValidityDays"), policy.get("TemporaryPasswordValidityDays")
    if old and new:
        return "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"
    if any(name.startswith("aws:") for name in data.get("UserPoolTags") or {}):
        return "aws: prefixed tag key names are not allowed for external use."
    return None
