"""Correction: a service invokes a function only where the function's own policy lets it (with ``AUTH=true``).

What AWS does ("Granting function access to AWS services"; "API Gateway REST API: Lambda function permissions"): without a
statement for ``apigateway.amazonaws.com`` and the method's ARN the integration fails (``INTEGRATION_FAILURE``), and without one
for the authorizer's ARN the authorizer is misconfigured (500, ``AUTHORIZER_CONFIGURATION_ERROR``); EventBridge needs one for
``events.amazonaws.com`` and the rule's ARN, or the target is not called.

What stock MiniStack does: keeps the policy and does not look at it.
"""

from __future__ import annotations

import logging

from local.corrections.api_gateway.failures import IntegrationFailure
from local.corrections.iam import authority

logger = logging.getLogger(__name__)


def apply() -> None:
    from ministack.services import apigateway_v1, eventbridge

    if not authority.on():
        return
    _ask_for_methods(apigateway_v1)
    _ask_for_authorizers(apigateway_v1)
    _ask_for_rules(eventbridge)


def lets_in(function_ref: str, service: str, source_arn: str) -> bool:
    """Tells whether the function's policy lets this service invoke it for this resource. A missing function fails later, in
    its own way."""
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import lambda_svc

    function, _, name = lambda_svc._get_func_record_for_ref(function_ref)
    if function is None:
        return True
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=get_account_id(),
        action="lambda:InvokeFunction",
        resource_arn=lambda_svc._func_arn(name),
        region=get_region(),
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": get_account_id()},
    )
    return iam_evaluator.evaluate_resource_policy(function["policy"], context, service=service).decision == "Allow"


def _ask_for_methods(gateway) -> None:
    call = gateway._call_lambda_raw

    async def asked(function_ref, event, **scope):
        about = event.get("requestContext") or {} if isinstance(event, dict) else {}
        if "resourcePath" in about and not lets_in(function_ref, "apigateway.amazonaws.com", _method_arn(about)):
            logger.warning("Invalid permissions on Lambda function %s for %s", function_ref, _method_arn(about))
            raise IntegrationFailure(504, "INTEGRATION_FAILURE")
        return await call(function_ref, event, **scope)

    gateway._call_lambda_raw = asked


def _method_arn(about: dict) -> str:
    return _api_arn(f"{about['apiId']}/{about['stage']}/{about['httpMethod']}{about['resourcePath']}")


def _ask_for_authorizers(gateway) -> None:
    invoke = gateway._invoke_authorizer_lambda

    async def asked(authorizer, event, *scope):
        function = gateway._extract_lambda_ref_from_integration_uri(authorizer.get("authorizerUri", ""))
        api_id = event["methodArn"].split(":")[5].split("/")[0]
        source = _api_arn(f"{api_id}/authorizers/{authorizer['id']}")
        if not lets_in(function, "apigateway.amazonaws.com", source):
            logger.warning("Invalid permissions on Lambda function %s for %s", function, source)
            return None  # as if there were no such function
        return await invoke(authorizer, event, *scope)

    gateway._invoke_authorizer_lambda = asked


def _api_arn(resource: str) -> str:
    from ministack.core.responses import get_account_id, get_region

    return f"arn:aws:execute-api:{get_region()}:{get_account_id()}:{resource}"


def _ask_for_rules(eventbridge) -> None:
    invoke = eventbridge._invoke_target

    def asked(target, event, rule, *more):
        arn = target.get("Arn", "")
        unasked = ":lambda:" not in arn or target.get("RoleArn")
        if unasked or lets_in(arn, "events.amazonaws.com", (rule or {}).get("Arn", "")):
            invoke(target, event, rule, *more)
        else:
            logger.warning("%s does not let %s invoke it", arn, (rule or {}).get("Arn"))

    eventbridge._invoke_target = asked
