"""Smoke test of ``kms.templates``: a signing key and its alias, from creation to the end of their stack."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.tests.stacks import Stack, fresh, refused

ROOT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "kms:*", "Resource": "*"}
KEY = {
    "KeySpec": "ECC_NIST_EDWARDS25519",
    "KeyUsage": "SIGN_VERIFY",
    "KeyPolicy": {"Version": "2012-10-17", "Statement": [ROOT]},
    "PendingWindowInDays": 7,
}


def signer(alias: str, target={"Ref": "Key"}, **more) -> dict:  # noqa: B006
    return {
        "Key": {"Type": "AWS::KMS::Key", "Properties": {**KEY, **more}},
        "Alias": {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": alias, "TargetKeyId": target}},
    }


@pytest.mark.parametrize("days", [7, "7"])
def test_a_stack_has_a_signing_key_until_it_is_deleted(aws, days):
    alias, kms = f"alias/{fresh()}", aws.client("kms")
    stack = Stack(aws, signer(alias, PendingWindowInDays=days))
    key = stack.physical("Key")
    assert stack.physical("Alias") == alias
    found = kms.describe_key(KeyId=alias)["KeyMetadata"]
    assert (found["KeyId"], found["KeySpec"], found["KeyUsage"]) == (key, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    signed = kms.sign(KeyId=alias, Message=b"checkpoint", MessageType="RAW", SigningAlgorithm="ED25519_SHA_512")
    assert signed["KeyId"].endswith(f":key/{key}")
    assert stack.delete() == "DELETE_COMPLETE"
    assert refused(kms.describe_key, KeyId=alias)[0] == "NotFoundException"
    left = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert left["KeyState"] == "PendingDeletion"
    assert abs(left["DeletionDate"] - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)


def test_a_key_that_is_pending_deletion_already_keeps_its_date(aws):
    stack = Stack(aws, signer(f"alias/{fresh()}", PendingWindowInDays=30))
    kms, key = aws.client("kms"), stack.physical("Key")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    date = kms.describe_key(KeyId=key)["KeyMetadata"]["DeletionDate"]
    assert stack.delete() == "DELETE_COMPLETE"
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["DeletionDate"] == date


def test_an_alias_that_is_taken_stays_where_it_points(aws):
    alias, kms = f"alias/{fresh()}", aws.client("kms")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=alias, TargetKeyId=other)
    stack = Stack(aws, signer(alias), expect="ROLLBACK_COMPLETE")
    assert "already exists" in stack.why("Alias", "CREATE_FAILED")
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == other


@pytest.mark.parametrize(
    ("logical_id", "resources", "why"),
    [
        ("Alias", signer(f"alias/{fresh()}", target=fresh()), "not found"),
        ("Key", signer(f"alias/{fresh()}", KeyUsage="ENCRYPT_DECRYPT"), "is not compatible with KeySpec"),
        ("Key", signer(f"alias/{fresh()}", EnableKeyRotation=True), "does not support key rotation"),
        ("Key", signer(f"alias/{fresh()}", PendingWindowInDays=6), "PendingWindowInDays"),
    ],
)
def test_a_template_that_kms_refuses_is_rolled_back(aws, logical_id, resources, why):
    assert why in Stack(aws, resources, expect="ROLLBACK_COMPLETE").why(logical_id, "CREATE_FAILED")


def test_stock_takes_the_alias_of_another_key(stock):
    alias, kms = f"alias/{fresh()}", stock.client("kms")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=alias, TargetKeyId=other)
    Stack(stock, signer(alias))
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] != other
