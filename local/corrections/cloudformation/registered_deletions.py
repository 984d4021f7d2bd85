"""The permissions that deleting a resource takes, for the types of the registry that ``delete_permissions`` does not know better.

All permissions of the type's delete handler that belong to its own service are demanded, each on the resource's own ARN ("Actions,
resources, and condition keys" of the service). Those of other services (``kms:RetireGrant`` for a repository) are not. An invented
type (``invented_types``) takes all of its permissions, on any resource.
"""

from __future__ import annotations

from collections.abc import Callable

from local.corrections.cloudformation import registry

# "The Resource types column … If there is no value for this column, you must specify all resources": these have none.
_NO_RESOURCE = frozenset(
    {"ec2:DescribeInstances", "ec2:DescribeSecurityGroups", "sns:GetSubscriptionAttributes", "sns:Unsubscribe"}
)
# An inline policy is on roles, users or groups, and each of these calls is about one kind.
_OF_ONE_KIND = {
    "iam:DeleteGroupPolicy": ":group/",
    "iam:DeleteRolePolicy": ":role/",
    "iam:DeleteUserPolicy": ":user/",
}


def needs(kind: str, physical_id: str, properties: dict) -> list[tuple[str, str]]:
    """Returns each action that deleting the resource takes, with the ARN that it is about; {region} and {account} are left open."""
    if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource":
        token = str(properties.get("ServiceToken", ""))
        return [("sns:Publish" if ":sns:" in token else "lambda:InvokeFunction", token)]
    if kind not in _ARNS:
        handlers = registry.types().get(kind, {}).get("handlers", {})
        return [(action, "*") for action in handlers.get("delete", {}).get("permissions", [])]
    service, arns = _ARNS[kind]
    return [
        (action, arn)
        for action in registry.types()[kind]["handlers"]["delete"]["permissions"]
        if action.startswith(f"{service}:")
        for arn in (["*"] if action in _NO_RESOURCE else arns(physical_id, properties))
        if _OF_ONE_KIND.get(action, "") in arn
    ]


def _itself(physical_id: str, properties: dict) -> list[str]:
    return [physical_id]


def _named(pattern: str):
    return lambda physical_id, properties: [pattern.replace("{id}", physical_id.removeprefix("/"))]


def _queue(url: str) -> str:
    return f"arn:aws:sqs:{{region}}:{{account}}:{url.rsplit('/', 1)[-1]}"


def arn_of_role(name: str) -> str:
    """Returns a role's ARN, with its path; one that is gone is named without, since nobody knows its path any more."""
    from ministack.services import iam

    return (iam._roles.get(name) or {}).get("Arn") or f"arn:aws:iam::{{account}}:role/{name}"


def _with_the_policy(physical_id: str, properties: dict) -> list[str]:
    """Returns who has an inline policy."""
    others = {"Users": "user", "Groups": "group"}
    roles = [arn_of_role(name) for name in properties.get("Roles") or []]
    return roles + [
        f"arn:aws:iam::{{account}}:{word}/{name}"
        for member, word in others.items()
        for name in properties.get(member) or []
    ]


def _alias_and_key(alias: str, properties: dict) -> list[str]:
    """Returns an alias and its key: "kms:DeleteAlias on the alias … on the KMS key" ("DeleteAlias")."""
    from ministack.services import kms

    key = kms._resolve_key(alias)
    arns = [f"arn:aws:kms:{{region}}:{{account}}:{alias}"]
    return [*arns, key["Arn"]] if key else arns


_ARNS: dict[str, tuple[str, Callable[[str, dict], list[str]]]] = {
    "AWS::CloudFormation::Stack": ("cloudformation", _itself),
    "AWS::EC2::SecurityGroup": ("ec2", _named("arn:aws:ec2:{region}:{account}:security-group/{id}")),
    "AWS::ECR::Repository": ("ecr", _named("arn:aws:ecr:{region}:{account}:repository/{id}")),
    "AWS::IAM::Policy": ("iam", _with_the_policy),
    "AWS::KMS::Alias": ("kms", _alias_and_key),
    "AWS::SNS::Subscription": ("sns", _itself),
    "AWS::SNS::TopicPolicy": ("sns", lambda _, properties: list(properties.get("Topics") or [])),
    "AWS::SQS::Queue": ("sqs", lambda url, properties: [_queue(url)]),
    "AWS::SQS::QueuePolicy": ("sqs", lambda _, properties: [_queue(url) for url in properties.get("Queues") or []]),
    "AWS::SSM::Parameter": ("ssm", _named("arn:aws:ssm:{region}:{account}:parameter/{id}")),
    "AWS::SecretsManager::Secret": ("secretsmanager", _itself),
}
