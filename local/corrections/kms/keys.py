"""Correction: KMS refuses what a key's use, its state or a message's size forbids.

What AWS does ("Sign", "CreateKey", "Key states of AWS KMS keys"): a message of type RAW has 4,096 bytes at most. KeyUsage is
ENCRYPT_DECRYPT unless given, and must fit the KeySpec. GetPublicKey refuses a disabled key (DisabledException). A key that is
pending deletion can be looked at and kept (CancelKeyDeletion), and nothing else: KMSInvalidStateException.

What stock MiniStack does: signs messages of any length, makes encrypting keys of signing curves, gives the public key in every
state, and lets calls enable a key that is pending deletion or put off its date.
"""

from __future__ import annotations

import base64

LONGEST_RAW_MESSAGE = 4096
# The uses of each kind of key ("CreateKey"); those of HMAC keys are checked already.
USES = {
    "SYMMETRIC_DEFAULT": ("ENCRYPT_DECRYPT",),
    "ECC_NIST_P256": ("SIGN_VERIFY", "KEY_AGREEMENT"),
    "ECC_NIST_P384": ("SIGN_VERIFY", "KEY_AGREEMENT"),
    "ECC_NIST_P521": ("SIGN_VERIFY", "KEY_AGREEMENT"),
    "ECC_NIST_EDWARDS25519": ("SIGN_VERIFY",),
    "ECC_SECG_P256K1": ("SIGN_VERIFY",),
    "RSA_2048": ("ENCRYPT_DECRYPT", "SIGN_VERIFY"),
    "RSA_3072": ("ENCRYPT_DECRYPT", "SIGN_VERIFY"),
    "RSA_4096": ("ENCRYPT_DECRYPT", "SIGN_VERIFY"),
}
# The calls that a key refuses while it is pending deletion, and the member of the request that names it.
_NOT_PENDING_DELETION = {
    "_create_alias": "TargetKeyId",
    "_update_alias": "TargetKeyId",
    "_create_grant": "KeyId",
    "_disable_key": "KeyId",
    "_enable_key": "KeyId",
    "_get_public_key": "KeyId",
    "_schedule_key_deletion": "KeyId",
    "_tag_resource": "KeyId",
    "_untag_resource": "KeyId",
    "_update_key_description": "KeyId",
}


def apply() -> None:
    for call in ("_sign", "_verify"):
        _check(call, _overlong)
    _check("_create_key", _misused)
    _check("_get_public_key", lambda data: _in_state(data, "KeyId", "Disabled"))
    _check("_cancel_key_deletion", _not_pending_deletion)
    for call, member in _NOT_PENDING_DELETION.items():
        _check(call, lambda data, member=member: _in_state(data, member, "PendingDeletion"))


def _check(name: str, refused) -> None:
    """Puts a check before a call of KMS: what ``refused(data)`` returns is the answer, unless it is None."""
    from ministack.services import kms

    call = getattr(kms, name)
    setattr(kms, name, lambda data: refused(data) or call(data))


def _overlong(data: dict):
    from ministack.services import kms

    if data.get("MessageType", "RAW") != "RAW":
        return None
    message = base64.b64decode(data.get("Message") or "")
    return kms._blob_too_long_error("message", LONGEST_RAW_MESSAGE) if len(message) > LONGEST_RAW_MESSAGE else None


def _misused(data: dict):
    spec = data.get("KeySpec") or data.get("CustomerMasterKeySpec") or "SYMMETRIC_DEFAULT"
    use = data.get("KeyUsage") or "ENCRYPT_DECRYPT"
    if use in USES.get(spec, (use,)):
        return None
    return _error("ValidationException", f"KeyUsage {use} is not compatible with KeySpec {spec}")


def _in_state(data: dict, member: str, state: str):
    from ministack.services import kms

    key = kms._resolve_key(data.get(member) or "")
    return kms._check_key_state(key) if key and key["KeyState"] == state else None


def _not_pending_deletion(data: dict):
    from ministack.services import kms

    key = kms._resolve_key(data.get("KeyId") or "")
    if key is None or key["KeyState"] == "PendingDeletion":
        return None
    return _error("KMSInvalidStateException", f"{key['Arn']} is not pending deletion.")


def _error(code: str, message: str):
    from ministack.core.responses import error_response_json

    return error_response_json(code, message, 400)
