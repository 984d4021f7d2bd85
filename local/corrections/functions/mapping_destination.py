"""Correction: an event source mapping with an S3 destination needs a function role that may write to the whole bucket.

What AWS does ("Retain discarded records for a DynamoDB event source in Lambda"; the refusal is reported from deployments): when
a mapping is created or its destination changed, Lambda checks with the function's role that ``s3:PutObject`` is allowed on the
bucket's objects, whatever their keys. A role that may only write below ``aws/lambda/``, where the records really go, is refused
with InvalidParameterValueException; in CloudFormation the mapping's creation fails.

What stock MiniStack does: takes any destination and any role.
"""

from __future__ import annotations

from local.corrections.cloudformation.handlers import check_before, service_failure
from local.corrections.iam import authority

MAPPING = "AWS::Lambda::EventSourceMapping"
REFUSAL = "The function execution role does not have permissions to call PutObject on S3"


def apply() -> None:
    from ministack.services import lambda_svc

    create, update = lambda_svc._create_esm, lambda_svc._update_esm
    lambda_svc._create_esm = lambda data: _refused(data, data.get("FunctionName")) or create(data)

    def updating(identifier, data):
        mapping = lambda_svc._esms.get(identifier) or {}
        return _refused(data, data.get("FunctionName") or mapping.get("FunctionName")) or update(identifier, data)

    lambda_svc._update_esm = updating
    check_before(MAPPING, _demand)


def _refused(data: dict, function: str | None):
    """Returns the error answer to a mapping whose function may not write to its destination, else None."""
    from ministack.core.responses import error_response_json

    if _may_write(data, function):
        return None
    return error_response_json("InvalidParameterValueException", REFUSAL, 400)


def _demand(props: dict) -> None:
    if not _may_write(props, props.get("FunctionName")):
        raise service_failure(REFUSAL, "Lambda", 400, "InvalidRequest")


def _may_write(mapping: dict, function: str | None) -> bool:
    from ministack.services import lambda_svc

    destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or ""
    found, _ = lambda_svc._get_func_record_for_qualifier((function or "").split(":function:")[-1].split(":")[0], None)
    if not destination.startswith("arn:aws:s3:::") or found is None:
        return True
    # Only a pattern that covers every key matches this.
    return authority.decision((found.get("config") or found)["Role"], "s3:PutObject", f"{destination}/*") == "Allow"
