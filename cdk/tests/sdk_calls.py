"""The AWS calls of the Rust programs, found by xtask/tests/sdk_calls.rs, and the IAM actions they need."""

import json
from collections.abc import Iterable
from pathlib import Path

# Operations whose action has another name, or that need further actions: HTTP verbs, S3's older names, passed roles.
ACTIONS = {
    ("apigateway", "get_rest_api"): {"apigateway:GET"},
    # With RoleARN.
    ("cloudformation", "delete_stack"): {"cloudformation:DeleteStack", "iam:PassRole"},
    # TransactWriteItems has no action: IAM checks each of its parts.
    ("dynamodb", "transact_write_items"): {"dynamodb:ConditionCheckItem", "dynamodb:PutItem"},
    # "Actions defined by Amazon S3": HeadBucket needs s3:ListBucket, and versions of objects have separate actions.
    ("s3", "delete_objects"): {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    ("s3", "head_bucket"): {"s3:ListBucket"},
    ("s3", "list_objects_v2"): {"s3:ListBucket"},
    ("s3", "list_object_versions"): {"s3:ListBucketVersions"},
    # Writes the whole schedule, including its role.
    ("scheduler", "update_schedule"): {"iam:PassRole", "scheduler:UpdateSchedule"},
}

# IAM's prefix where it differs from the name of the service's SDK.
PREFIXES = {
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "dynamodbstreams": "dynamodb",
    "eventbridge": "events",
    "sfn": "states",
}

_FILE = Path(__file__).resolve().parents[1] / "sdk-calls.json"


def calls(program: str) -> set[tuple[str, str]]:
    """Returns the service and operation of every call in a program's sources, from the snapshot that a Rust test writes."""
    listed = json.loads(_FILE.read_text(encoding="utf-8"))[program]
    return {(service, operation) for service, operations in listed.items() for operation in operations}


def actions(found: Iterable[tuple[str, str]]) -> set[str]:
    return {action for service, operation in found for action in _actions(service, operation)}


def _actions(service: str, operation: str) -> set[str]:
    if service == "apigateway" and (service, operation) not in ACTIONS:
        raise AssertionError(f"{service}.{operation}: add its HTTP verb to ACTIONS")
    default = f"{PREFIXES.get(service, service)}:{''.join(map(str.capitalize, operation.split('_')))}"
    return ACTIONS.get((service, operation), {default})
