"""Correction: the physical ids of secrets and bucket policies.

What AWS does ("AWS::SecretsManager::Secret", "AWS::S3::BucketPolicy", return values; "Identifying resources"): ``Ref`` of a secret,
and so its physical id, is its ARN; a bucket policy's is the name of its bucket. Both are the types' primary identifiers.

What stock MiniStack does: a secret's is its name, a bucket policy's is the bucket's name with ``-policy`` behind it.
"""

from __future__ import annotations


def apply() -> None:
    from ministack.services.cloudformation import provisioners

    _translate(provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"], _arn_of_secret, _name_of_secret)
    # The handlers of a bucket policy read the properties alone.
    _translate(provisioners._RESOURCE_HANDLERS["AWS::S3::BucketPolicy"], _bucket_of_policy, lambda bucket: bucket)


def _translate(handlers: dict, outward, inward) -> None:
    """Gives a type other physical ids: ``outward`` makes them of the handlers' own, ``inward`` the reverse."""
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def creating(*given):
        physical_id, attributes = create(*given)
        return outward(physical_id), attributes

    def updating(physical_id, *given, **named):
        new_id, attributes = update(inward(physical_id), *given, **named)
        return outward(new_id), attributes

    handlers.update(
        create=creating, update=updating, delete=lambda physical_id, *given: delete(inward(physical_id), *given)
    )


def _arn_of_secret(name: str) -> str:
    from ministack.services import secretsmanager

    return secretsmanager._secrets[name]["ARN"]


def _name_of_secret(arn: str) -> str:
    from ministack.services import secretsmanager

    return next((name for name, secret in secretsmanager._secrets.items() if secret["ARN"] == arn), arn)


def _bucket_of_policy(name: str) -> str:
    return name.removesuffix("-policy")
