"""What AWS says about IAM and CloudFormation, as far as cfn-lint ships it.

Policies.json (from AWS's policy editor): which resource types an action takes. The CloudFormation registry's schemas:
what deleting a resource type takes.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint
from conftest import Synthesised

_DATA = Path(cfnlint.__file__).parent / "data"

# Longer than any name AWS gives: what is measured with it is measured at its longest.
_VALUES = {
    "AWS::Partition": "aws",
    "AWS::Region": "ap-southeast-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackId": "arn:aws:cloudformation:ap-southeast-1:123456789012:stack/x/" + "0" * 36,
}


@dataclass(frozen=True)
class Permission:
    action: str
    resource: str
    """With every reference resolved."""
    conditions: str
    """As JSON."""


def permissions(synthesised: Synthesised, document: dict) -> set[Permission]:
    return {
        Permission(action, rendered(synthesised, resource), json.dumps(statement.get("Condition", {}), sort_keys=True))
        for statement in document["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def role_document(role: dict) -> dict:
    """The one inline policy of a role."""
    assert "ManagedPolicyArns" not in role["Properties"]
    (policy,) = role["Properties"]["Policies"]
    return policy["PolicyDocument"]


def rendered(synthesised: Synthesised, value: Any) -> Any:
    """A policy or a part of it as IAM gets it."""
    if isinstance(value, list):
        return [rendered(synthesised, item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(rendered(synthesised, part) for part in value["Fn::Join"][1])
    if "Ref" in value:
        return _VALUES.get(value["Ref"]) or _arn(synthesised, value["Ref"])
    if "Fn::GetAtt" in value:
        return _arn(synthesised, value["Fn::GetAtt"][0])
    return {key: rendered(synthesised, item) for key, item in value.items()}


def _arn(synthesised: Synthesised, logical_id: str) -> str:
    resource = synthesised.resources[logical_id]
    properties = resource["Properties"]
    region, account = _VALUES["AWS::Region"], _VALUES["AWS::AccountId"]
    return {
        "AWS::DynamoDB::Table": lambda: f"arn:aws:dynamodb:{region}:{account}:table/{properties['TableName']}",
        "AWS::IAM::Role": lambda: f"arn:aws:iam::{account}:role/{properties['RoleName']}",
        "AWS::Lambda::Function": lambda: f"arn:aws:lambda:{region}:{account}:function:{properties['FunctionName']}",
        "AWS::Logs::LogGroup": lambda: f"arn:aws:logs:{region}:{account}:log-group:{properties['LogGroupName']}:*",
        "AWS::StepFunctions::StateMachine": lambda: (
            f"arn:aws:states:{region}:{account}:stateMachine:{properties['StateMachineName']}"
        ),
    }[resource["Type"]]()


def covers(pattern: str, resource: str) -> bool:
    """IAM's own wildcards: `*` is any text, `:` and `/` included."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), resource) is not None


def resource_types(action: str) -> list[str]:
    """The resource types an action takes; none: it can be granted on `*` alone."""
    service, name = action.split(":")
    return _policies()[service]["Actions"][name.lower()].get("Resources", [])


def fits_a_type(action: str, resource: str) -> bool:
    formats = [
        text
        for kind in resource_types(action)
        for text in _policies()[action.split(":")[0]]["Resources"][kind.lower()]["ARNFormats"]
    ]
    return any(re.fullmatch(re.sub(r"\$\{\w+\}", "[^:]*", text), resource) for text in formats)


def delete_permissions(resource_type: str) -> set[str]:
    return set(_schemas()[resource_type]["handlers"]["delete"]["permissions"])


@cache
def _policies() -> dict:
    return json.loads((_DATA / "AdditionalSpecs" / "Policies.json").read_text())


@cache
def _schemas() -> dict[str, dict]:
    schemas = map(json.loads, _texts(_DATA / "schemas" / "resources"))
    return {schema["typeName"]: schema for schema in schemas if "handlers" in schema}


def _texts(folder: Path) -> Iterator[str]:
    return (path.read_text() for path in folder.glob("*.json"))


def listed(value: object) -> list:
    return value if isinstance(value, list) else [value]
