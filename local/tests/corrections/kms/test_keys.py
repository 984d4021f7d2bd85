"""Smoke test of ``kms.keys``: what a key's use, its state and a message's size forbid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from local.tests.stacks import fresh, refused

EDWARDS = {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"}
SIGNING = {"MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512"}


def key(kms, **given) -> str:
    return kms.create_key(**{**EDWARDS, **given})["KeyMetadata"]["KeyId"]


def test_a_raw_message_has_4096_bytes_at_most(aws):
    kms = aws.client("kms")
    own = {"KeyId": key(kms), **SIGNING}
    longest, longer = b"x" * 4096, b"x" * 4097
    signature = kms.sign(Message=longest, **own)["Signature"]
    why = "Value at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096"
    for call in (
        lambda: kms.sign(Message=longer, **own),
        lambda: kms.verify(Message=longer, Signature=signature, **own),
    ):
        code, message = refused(call)
        assert code == "ValidationException"
        assert message == f"1 validation error detected: {why}"
    public = load_der_public_key(kms.get_public_key(KeyId=own["KeyId"])["PublicKey"])
    public.verify(signature, longest)
    with pytest.raises(InvalidSignature):
        public.verify(signature, longest + b"x")


def test_the_public_key_of_a_disabled_key_is_not_given(aws):
    kms = aws.client("kms")
    found = key(kms)
    kms.disable_key(KeyId=found)
    code, message = refused(kms.get_public_key, KeyId=found)
    assert code == "DisabledException"
    assert message.endswith(f"key/{found} is disabled.")
    kms.enable_key(KeyId=found)
    assert kms.get_public_key(KeyId=found)["SigningAlgorithms"] == ["ED25519_SHA_512", "ED25519_PH_SHA_512"]


def test_a_key_that_is_pending_deletion_can_only_be_kept(aws):
    kms = aws.client("kms")
    found = key(kms)
    assert refused(kms.cancel_key_deletion, KeyId=found)[0] == "KMSInvalidStateException"
    kms.schedule_key_deletion(KeyId=found, PendingWindowInDays=7)
    for call, more in (
        (kms.get_public_key, {}),
        (kms.enable_key, {}),
        (kms.disable_key, {}),
        (kms.schedule_key_deletion, {"PendingWindowInDays": 30}),
        (kms.update_key_description, {"Description": "d"}),
        (kms.tag_resource, {"Tags": [{"TagKey": "k", "TagValue": "v"}]}),
    ):
        code, message = refused(call, KeyId=found, **more)
        assert code == "KMSInvalidStateException"
        assert message.endswith(f"key/{found} is pending deletion.")
    assert refused(kms.create_alias, AliasName=f"alias/{fresh()}", TargetKeyId=found)[0] == "KMSInvalidStateException"
    described = kms.describe_key(KeyId=found)["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"
    assert described["DeletionDate"] - datetime.now(UTC) < timedelta(days=7, seconds=1)
    kms.cancel_key_deletion(KeyId=found)
    assert kms.describe_key(KeyId=found)["KeyMetadata"]["KeyState"] == "Disabled"


def test_a_curve_does_not_encrypt(aws):
    kms = aws.client("kms")
    code, message = refused(kms.create_key, KeySpec="ECC_NIST_EDWARDS25519")
    assert (code, message) == (
        "ValidationException",
        "KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec ECC_NIST_EDWARDS25519",
    )
    assert refused(kms.create_key, KeyUsage="SIGN_VERIFY")[0] == "ValidationException"
    kms.create_key()
    kms.create_key(KeySpec="RSA_2048")


def test_stock_signs_any_length_and_revives_what_is_pending_deletion(stock):
    kms = stock.client("kms")
    found = key(kms)
    kms.sign(KeyId=found, Message=b"x" * 5000, **SIGNING)
    kms.schedule_key_deletion(KeyId=found, PendingWindowInDays=7)
    kms.get_public_key(KeyId=found)
    kms.enable_key(KeyId=found)
    kms.create_key(KeySpec="ECC_NIST_EDWARDS25519")
