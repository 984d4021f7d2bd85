"""Correction: CloudFormation's keys and aliases are refused where KMS refuses them.

What AWS does ("AWS::KMS::Key", "AWS::KMS::Alias" in the template reference): the handlers call KMS. A key that cannot be rotated
automatically refuses EnableKeyRotation, PendingWindowInDays is 7 to 30, an alias that is taken is not taken over, and its key has
to be there. The end of the stack schedules the key's deletion; one that is scheduled already keeps its date.

What stock MiniStack does: takes the alias over, lets it point at nothing, rotates every key, and fails to delete a key whose
PendingWindowInDays is a string.
"""

from __future__ import annotations

import json

from local.corrections.cloudformation.handlers import HandlerFailure, check_before, service_failure

KEY, ALIAS = "AWS::KMS::Key", "AWS::KMS::Alias"


def apply() -> None:
    from ministack.services import kms
    from ministack.services.cloudformation import provisioners

    check_before(KEY, _demand_a_possible_key)
    check_before(ALIAS, _demand_a_key)
    check_before(ALIAS, _demand_a_free_name, ("create",))
    handlers = provisioners._RESOURCE_HANDLERS[KEY]
    delete = handlers["delete"]

    def scheduled(key_id, props, *more):
        key = kms._resolve_key(key_id)
        if key and key["KeyState"] != "PendingDeletion":
            delete(key_id, {**props, "PendingWindowInDays": int(props.get("PendingWindowInDays", 30))}, *more)

    handlers["delete"] = scheduled


def _demand_a_possible_key(props: dict) -> None:
    spec = props.get("KeySpec", "SYMMETRIC_DEFAULT")
    if str(props.get("EnableKeyRotation")).lower() == "true" and spec != "SYMMETRIC_DEFAULT":
        raise HandlerFailure(f"A key of the type {spec} does not support key rotation", "InvalidRequest")
    days = props.get("PendingWindowInDays", 30)
    if not 7 <= int(days) <= 30:
        raise HandlerFailure(f"#/PendingWindowInDays: {days} is not between 7 and 30", "InvalidRequest")


def _demand_a_key(props: dict) -> None:
    from ministack.services import kms

    target = str(props.get("TargetKeyId", ""))
    key = kms._resolve_key(target)
    if key is None:
        raise service_failure(f"Key '{target}' not found", "Kms", 400, "NotFound")
    if key["KeyState"] == "PendingDeletion":
        raise service_failure(f"{key['Arn']} is pending deletion.", "Kms", 400, "InvalidRequest")


def _demand_a_free_name(props: dict) -> None:
    from ministack.services import kms

    name = str(props.get("AliasName", ""))
    if kms._alias_arn(name) in kms._aliases:
        identifier = json.dumps({"/properties/AliasName": name}, separators=(",", ":"))
        raise HandlerFailure(f"Resource of type '{ALIAS}' with identifier '{identifier}' already exists.", "AlreadyExists")
