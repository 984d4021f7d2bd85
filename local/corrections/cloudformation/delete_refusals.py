"""Correction: CloudFormation's delete handlers fail where the service refuses the deletion, and leave what AWS leaves.

What AWS does: the handlers call the service's own delete operation and its refusal is the resource's DELETE_FAILED reason. A
bucket must be empty, old versions and delete markers included ("DeleteBucket"). A table must not have deletion protection
("DeleteTable"). A role must have no policies but those of its template ("DeleteRole": detach and delete them first), and a
managed policy must be attached to nothing but what its template names ("DeletePolicy"). A user pool must have neither deletion
protection nor a domain (``cognito.user_pools``). What is already gone deletes fine.
``AWS::ApiGateway::Account`` deletes nothing: "When you delete a stack containing this resource, API Gateway can still assume
the provided IAM role" (template reference).

What stock MiniStack does: deletes all of these without a word, and takes the role out of the account's settings.
"""

from __future__ import annotations

from local.corrections.cloudformation.handlers import service_failure
from local.corrections.cognito.user_pools import undeletable


def apply() -> None:
    from ministack.services.cloudformation import provisioners

    for kind, refuse in _REFUSALS.items():
        handlers = provisioners._RESOURCE_HANDLERS[kind]
        handlers["delete"] = _checked(handlers["delete"], refuse)
    provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::Account"]["delete"] = lambda physical_id, props: None


def _checked(delete, refuse):
    def checked(physical_id, props, *more):
        refuse(physical_id, props)
        return delete(physical_id, props, *more)

    return checked


def _bucket(name: str, props: dict) -> None:
    from ministack.services import s3

    bucket = s3._buckets.get(name)
    if bucket is None:
        return
    versions = " You must delete all versions in the bucket." if s3._bucket_has_versions(name) else ""
    if bucket["objects"] or versions:
        message = "The bucket you tried to delete is not empty"
        raise service_failure(f"{message}.{versions}" if versions else message, "S3", 409, "GeneralServiceException")


def _table(name: str, props: dict) -> None:
    from ministack.services import dynamodb

    if str((dynamodb._tables.get(name) or {}).get("DeletionProtectionEnabled")).lower() == "true":
        message = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
        raise service_failure(message, "DynamoDb", 400, "InvalidRequest")


def _role(name: str, props: dict) -> None:
    from ministack.services import iam

    role = iam._roles.get(name) or {}
    own = {policy.get("PolicyName") for policy in props.get("Policies") or []}
    if set(role.get("AttachedPolicies") or []) - set(props.get("ManagedPolicyArns") or []):
        message = "Cannot delete entity, must detach all policies first."
        raise service_failure(message, "Iam", 409, "InvalidRequest")
    if set(role.get("InlinePolicies") or {}) - own:
        raise service_failure("Cannot delete entity, must delete policies first.", "Iam", 409, "InvalidRequest")


def _managed_policy(arn: str, props: dict) -> None:
    from ministack.services import iam

    own = {kind: set(props.get(kind) or []) for kind in ("Roles", "Users", "Groups")}
    for kind, entities in (("Roles", iam._roles), ("Users", iam._users), ("Groups", iam._groups)):
        if any(arn in (e.get("AttachedPolicies") or []) and name not in own[kind] for name, e in entities.items()):
            message = "Cannot delete a policy attached to entities."
            raise service_failure(message, "Iam", 409, "InvalidRequest")


def _user_pool(pool_id: str, props: dict) -> None:
    if why := undeletable(pool_id):
        raise service_failure(why, "CognitoIdentityProvider", 400, "InvalidRequest")


_REFUSALS = {
    "AWS::Cognito::UserPool": _user_pool,
    "AWS::S3::Bucket": _bucket,
    "AWS::DynamoDB::Table": _table,
    "AWS::IAM::Role": _role,
    "AWS::IAM::ManagedPolicy": _managed_policy,
}
