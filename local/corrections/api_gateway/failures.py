"""Correction: API Gateway's own answers, when the function fails and otherwise.

What AWS does ("Gateway response types for API Gateway", "Set up Lambda proxy integrations in API Gateway", "Quotas for
configuring and running a REST API in API Gateway", "Lambda quotas"): a function that fails, times out or returns something that
is not a proxy response gives 502 and goes through DEFAULT_5XX; one that cannot be invoked at all, throttled or frozen by
reserved concurrency 0, is INTEGRATION_FAILURE; an integration that exceeds its time-out is 504 INTEGRATION_TIMEOUT. Each answer
has the headers and the template of its gateway response (else of DEFAULT_4XX, DEFAULT_5XX), and none shows the function's error
text. ``$context`` variables of a template that have no value are empty. An authorizer's error is a 401 only if its text is
exactly ``Unauthorized``. Three answers come before any gateway response and are plain: 413 to a body over 10 MB, 413 to an
event over Lambda's 6 MB, 414 to a path that makes the method's ARN longer than 1,600 bytes.

What stock MiniStack does: 502 with the function's error text and no gateway response, any object is taken as a response, no
time-out, most ``$context`` variables stay in the body, ``unauthorized`` in any case gives 401.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re

logger = logging.getLogger(__name__)

DEFAULT_TIMEOUT_MILLISECONDS = 29_000
LARGEST_BODY_BYTES = 10 * 1024 * 1024
LARGEST_EVENT_BYTES = 6 * 1024 * 1024
LONGEST_METHOD_ARN_BYTES = 1600
_PROXY_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"}
_VARIABLE = re.compile(r"\$\{?context((?:\.[A-Za-z]\w*)+)\}?")


class IntegrationFailure(Exception):
    """An integration that gave no answer to pass on."""

    def __init__(self, status: int, response_type: str = "DEFAULT_5XX", message: str = "Internal server error"):
        super().__init__(message)
        self.status, self.response_type, self.message = status, response_type, message


class PlainAnswer(Exception):
    """An answer that no gateway response shapes."""

    def __init__(self, status: int, message: str, error_type: str):
        super().__init__(message)
        self.status, self.message, self.error_type = status, message, error_type

    def answer(self) -> tuple:
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": self.error_type}
        return self.status, headers, json.dumps({"message": self.message}).encode()


def apply() -> None:
    from ministack.services import apigateway_v1

    _stop_at_large_events(apigateway_v1)
    _stop_at_failed_functions(apigateway_v1)
    _stop_at_the_timeout(apigateway_v1)
    _answer_failures_as_gateway(apigateway_v1)
    _finish_gateway_responses(apigateway_v1)
    _take_unauthorized_exactly(apigateway_v1)


def _stop_at_large_events(gateway) -> None:
    build = gateway._build_lambda_event_v1

    def bounded(*args, **kwargs):
        event = build(*args, **kwargs)
        if len(json.dumps(event, ensure_ascii=False).encode()) > LARGEST_EVENT_BYTES:
            raise PlainAnswer(413, "Request Too Long", "RequestEntityTooLargeException")
        return event

    gateway._build_lambda_event_v1 = bounded


def _stop_at_failed_functions(gateway) -> None:
    shape = gateway._lambda_proxy_response

    def checked(result):
        if result.get("throttle"):
            raise IntegrationFailure(504, "INTEGRATION_FAILURE")
        if result.get("error") or not is_proxy_response(result.get("body")):
            logger.info("no proxy response from the function: %s", result.get("body"))
            raise IntegrationFailure(502)
        return shape(result)

    gateway._lambda_proxy_response = checked


def is_proxy_response(answer) -> bool:
    """Tells whether a function's result has the form of a proxy response."""
    if isinstance(answer, (str, bytes)):
        try:
            answer = json.loads(answer)
        except ValueError:
            return False
    if not isinstance(answer, dict) or not answer.keys() <= _PROXY_KEYS:
        return False
    try:
        status = int(answer["statusCode"])
    except (KeyError, TypeError, ValueError):
        return False
    headers, many = answer.get("headers") or {}, answer.get("multiValueHeaders") or {}
    return (
        100 <= status <= 599
        and isinstance(answer.get("body"), (str, type(None)))
        and isinstance(headers, dict)
        and isinstance(many, dict)
        and not any(isinstance(value, (dict, list)) for value in headers.values())
        and all(isinstance(values, list) for values in many.values())
    )


def _stop_at_the_timeout(gateway) -> None:
    invoke = gateway._invoke_lambda_proxy_v1

    async def bounded(integration, *args, **kwargs):
        milliseconds = int(integration.get("timeoutInMillis") or DEFAULT_TIMEOUT_MILLISECONDS)
        invocation = asyncio.ensure_future(invoke(integration, *args, **kwargs))
        # So that asyncio does not complain about a failure that nobody waits for any more (time-out, client gone).
        invocation.add_done_callback(lambda finished: finished.cancelled() or finished.exception())
        done, _ = await asyncio.wait({invocation}, timeout=milliseconds / 1000)
        if not done:  # the function goes on, as on AWS
            raise IntegrationFailure(504, "INTEGRATION_TIMEOUT", "Endpoint request timed out")
        return invocation.result()

    gateway._invoke_lambda_proxy_v1 = bounded


def _answer_failures_as_gateway(gateway) -> None:
    execute = gateway._execute_in_scope

    async def guarded(request, api_id, stage, method, path, headers, body, *args, **kwargs):
        request["stage"] = gateway._stages_v1.get(api_id, {}).get(stage)
        try:
            if request["stage"] is not None:
                _demand_limits(api_id, stage, method, path, body)
            return await execute(request, api_id, stage, method, path, headers, body, *args, **kwargs)
        except PlainAnswer as plain:
            return plain.answer()
        except IntegrationFailure as failure:
            error = gateway._GatewayError(failure.response_type, failure.message, "InternalServerErrorException")
            error.status = failure.status
            return error
        except Exception:
            if request["stage"] is None:
                raise
            logger.exception("the emulated gateway failed")
            return gateway._GatewayError("DEFAULT_5XX", "Internal server error")

    gateway._execute_in_scope = guarded


def _demand_limits(api_id: str, stage: str, method: str, path: str, body: bytes) -> None:
    from ministack.core.responses import get_account_id, get_region

    if len(body) > LARGEST_BODY_BYTES:
        raise PlainAnswer(413, "Request Too Long", "RequestEntityTooLargeException")
    arn = f"arn:aws:execute-api:{get_region()}:{get_account_id()}:{api_id}/{stage}/{method}/{path.lstrip('/')}"
    if len(arn.encode()) > LONGEST_METHOD_ARN_BYTES:
        raise PlainAnswer(414, "Request URI Too Long", "RequestURITooLongException")


def _finish_gateway_responses(gateway) -> None:
    render = gateway._gateway_error_response

    def finished(error, request):
        status, headers, body = render(error, request)
        if hasattr(error, "status") and not _status_is_set(gateway, error.response_type, request):
            status = error.status
        return (
            status,
            _last_of_each(headers),
            _VARIABLE.sub(lambda m: _variable(m[1][1:], request), body.decode()).encode(),
        )

    gateway._gateway_error_response = finished


def _status_is_set(gateway, response_type: str, request: dict) -> bool:
    """Tells whether the deployed API itself sets the status of this response type."""
    deployed = gateway._deployed_gateway_responses.get(request["api_id"], {}).get(request["stage"].get("deploymentId"))
    if deployed is None:
        deployed = gateway._gateway_responses.get(request["api_id"], {})
    own = deployed.get(response_type) or {}
    return bool(own.get("statusCode")) and own["statusCode"] != gateway._DEFAULT_GATEWAY_RESPONSE_STATUS_CODES.get(
        response_type
    )


def _last_of_each(headers: dict) -> dict:
    """Keeps the configured header where the default differs from it in case only."""
    latest = {name.lower(): name for name in headers}
    return {name: value for name, value in headers.items() if latest[name.lower()] == name}


def _variable(name: str, request: dict) -> str:
    headers = request["headers"]
    known = {
        "apiId": request["api_id"],
        "domainName": headers.get("host", ""),
        "extendedRequestId": request["request_id"],
        "httpMethod": request.get("method", ""),
        "identity.userAgent": headers.get("user-agent", ""),
        "path": request.get("path", ""),
        "protocol": "HTTP/1.1",
        "requestTime": request.get("time", ""),
    }
    return known.get(name, "")


def _take_unauthorized_exactly(gateway) -> None:
    invoke = gateway._invoke_authorizer_lambda

    async def exact(*args, **kwargs):
        result = await invoke(*args, **kwargs)
        if result and result.get("error"):
            body = result.get("body")
            text = body.get("errorMessage") if isinstance(body, dict) else body
            if text != "Unauthorized":
                logger.info("the authorizer failed: %s", body)
                return {**result, "body": {"errorMessage": "authorizer failure"}}
        return result

    gateway._invoke_authorizer_lambda = exact
