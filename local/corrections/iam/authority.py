"""Asks IAM what a role may do, on behalf of a service that acts with it."""

from __future__ import annotations

# CloudWatch Logs checks the streams of a group: a policy on the group's bare ARN, without ":*", does not match.
GROUP = "arn:aws:logs:{region}:{account}:log-group:{id}:log-stream:"

# The types that CloudFormation tags with their stack ("tagging.cloudFormationSystemTags" of the types' schemas), and what stands
# before the physical id in the ARN.
_TAGGED = {
    "AWS::ApiGateway::RestApi": "/restapis/",
    "AWS::CloudWatch::Alarm": ":alarm:",
    "AWS::Cognito::UserPool": ":userpool/",
    "AWS::Events::Rule": ":rule/",
    "AWS::Lambda::EventSourceMapping": ":event-source-mapping:",
    "AWS::Lambda::Function": ":function:",
    "AWS::Logs::LogGroup": ":log-group:",
}


def on() -> bool:
    """Tells whether requests are checked at all (``AUTH=true``)."""
    import ministack.app

    return ministack.app.AUTH


def decision(role_arn: str, action: str, resource: str, keys: dict | None = None) -> str:
    """Returns ``Allow``, ``Deny`` or ``ImplicitDeny`` by the role's own policies; a role that is gone may do nothing."""
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import iam

    account, name = get_account_id(), role_arn.rsplit("/", 1)[-1]
    context = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={**resource_keys(resource), **{key.lower(): value for key, value in (keys or {}).items()}},
    )
    limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
    return iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account), *limits).decision


def may(role_arn: str, action: str, resource: str, keys: dict | None = None) -> bool:
    """Tells whether the role may do it; where requests are not checked, anything goes."""
    return not on() or decision(role_arn, action, resource, keys) == "Allow"


def denial(role_arn: str, session: str, action: str, resource: str) -> str:
    """Returns the message with which services deny it."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    return (
        f"User: arn:aws:sts::{account}:assumed-role/{name}/{session} is not authorized to perform: {action} on resource: "
        f"{resource} because no identity-based policy allows the {action} action"
    )


def resource_keys(arn: str) -> dict:
    """Returns the condition keys that services set for a resource; one that is gone has none, as on AWS."""
    from ministack.services import apigateway_v1, cloudwatch_logs, lambda_svc
    from ministack.services.tagging import resource_tags

    keys, tagged = {}, arn
    if "/restapis/" in arn:
        # "Child resources inherit the tags that are set on parent resources": "API Gateway resources that can be tagged".
        api_id = arn.split("/restapis/")[1].split("/")[0]
        tagged = f"{arn.split('/restapis/')[0]}/restapis/{api_id}"
        api = apigateway_v1._rest_apis.get(api_id)
        if api is not None:
            keys["apigateway:resource/apiname"] = api["name"]
    if ":event-source-mapping:" in arn:
        mapping = lambda_svc._esms.get(arn.rsplit(":", 1)[1])
        if mapping is not None:
            keys["lambda:functionarn"] = mapping["FunctionArn"]
    tags = resource_tags(tagged) or {}
    if ":log-group:" in arn:
        group = cloudwatch_logs._log_groups.get(arn.split(":log-group:")[1].split(":")[0]) or {}
        tags = group.get("tags") or {}
    tags = {**tags, **_system_tags(arn)}
    return keys | {f"aws:resourcetag/{name}".lower(): value for name, value in tags.items()}


def _system_tags(arn: str) -> dict[str, str]:
    from ministack.services.cloudformation import _stacks

    for kind, mark in _TAGGED.items():
        if mark not in arn:
            continue
        physical_id = arn.split(mark, 1)[1].split("/" if mark == "/restapis/" else ":")[0]
        for stack in list(_stacks.values()):
            for logical_id, made in list(stack.get("_resources", {}).items()):
                if (made.get("ResourceType"), made.get("PhysicalResourceId")) == (kind, physical_id):
                    return {
                        "aws:cloudformation:stack-name": stack["StackName"],
                        "aws:cloudformation:stack-id": stack["StackId"],
                        "aws:cloudformation:logical-id": logical_id,
                    }
    return {}
