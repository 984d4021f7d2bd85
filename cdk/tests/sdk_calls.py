"""AWS calls found in Rust sources, and the IAM actions they need."""

import re
from collections.abc import Iterable
from pathlib import Path

# Where the action is not the operation's name: HTTP verbs, S3's older names, and what a call needs beside itself.
ACTIONS = {
    ("apigateway", "get_rest_api"): {"apigateway:GET"},
    # With RoleARN.
    ("cloudformation", "delete_stack"): {"cloudformation:DeleteStack", "iam:PassRole"},
    # TransactWriteItems has no action of its own: each of its parts is checked as what it is.
    ("dynamodb", "transact_write_items"): {"dynamodb:ConditionCheckItem", "dynamodb:PutItem"},
    # "Actions defined by Amazon S3": HeadBucket needs s3:ListBucket; an object's version has actions of its own.
    ("s3", "delete_objects"): {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    ("s3", "head_bucket"): {"s3:ListBucket"},
    ("s3", "list_object_versions"): {"s3:ListBucketVersions"},
    # Writes the whole schedule, its role included.
    ("scheduler", "update_schedule"): {"iam:PassRole", "scheduler:UpdateSchedule"},
}

# IAM's prefix, where it is not the client's name.
PREFIXES = {"sfn": "states", "streams": "dynamodb"}

_COMMENT = re.compile(r"//[^\n]*")
_TESTS = re.compile(r"#\[cfg\(test\)\].*", re.DOTALL)
_CALL = re.compile(r"\baws\s*\.\s*(\w+)\s*\.\s*(\w+)\s*\(\s*\)")
_CLIENT_CALL = re.compile(r"\b(?:client|reads|writes)\s*\.\s*(?!config\b)(\w+)\s*\(\s*\)")


def calls(sources: Iterable[str]) -> set[tuple[str, str]]:
    """Service and operation of every `aws.<service>.<operation>()`."""
    return {(match[1], match[2]) for source in sources for match in _CALL.finditer(_code(source))}


def client_calls(sources: Iterable[str]) -> set[str]:
    """The operation of every `client.<operation>()`, also of the store's two clients `reads` and `writes`."""
    return {match[1] for source in sources for match in _CLIENT_CALL.finditer(_code(source))}


def actions(found: Iterable[tuple[str, str]]) -> set[str]:
    return {action for service, operation in found for action in _actions(service, operation)}


def below(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.rs"))]


def _actions(service: str, operation: str) -> set[str]:
    if service == "apigateway" and (service, operation) not in ACTIONS:
        raise AssertionError(f"{service}.{operation}: add its HTTP verb to ACTIONS")
    default = f"{PREFIXES.get(service, service)}:{''.join(map(str.capitalize, operation.split('_')))}"
    return ACTIONS.get((service, operation), {default})


def _code(source: str) -> str:
    """Without comments and the tests at a file's end."""
    return _TESTS.sub("", _COMMENT.sub("", source))
