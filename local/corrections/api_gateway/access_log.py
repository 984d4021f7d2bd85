"""Correction: API Gateway writes an access-log line per request.

What AWS does ("Set up CloudWatch logging for REST APIs in API Gateway", "Variables for access logging for API Gateway"): a line
in the stage's format goes to the log group of its access-log settings, with the ``$context`` variables replaced, unescaped, and
``-`` where there is no value. ``integration.requestId`` is the id of the function's invocation.

What stock MiniStack does: nothing.
"""

from __future__ import annotations

import contextvars
import hashlib
import logging
import re
import time

from local.corrections.api_gateway.request import current_request

logger = logging.getLogger(__name__)

# The request whose integration runs, also in the thread that invokes the function.
_integrated: contextvars.ContextVar[dict | None] = contextvars.ContextVar("integrated", default=None)

_VARIABLE = re.compile(r"\$context((?:\.[A-Za-z]\w*)+)")


def apply() -> None:
    from ministack.core import lambda_runtime
    from ministack.services import apigateway_v1

    _note_the_authorizer(apigateway_v1)
    _note_the_integration(apigateway_v1)
    _note_the_invocation(lambda_runtime.ProvidedWorker)
    _note_the_error(apigateway_v1)
    _write_the_line(apigateway_v1)


def _note_the_authorizer(gateway) -> None:
    authorize = gateway._authorize_request_v1

    async def noting(*args, **kwargs):
        begun = time.monotonic()
        error, context = await authorize(*args, **kwargs)
        request = current_request()
        if request is not None:
            request["authorizer"] = {**(context or {}), "latency": _milliseconds(begun)}
            if error is not None:
                request["authorizer"]["error"] = error.message or ""
        return error, context

    gateway._authorize_request_v1 = noting


def _note_the_integration(gateway) -> None:
    invoke = gateway._invoke_lambda_proxy_v1

    async def noting(*args, **kwargs):
        begun = time.monotonic()
        _integrated.set(current_request())
        try:
            return await invoke(*args, **kwargs)
        finally:
            _integrated.set(None)
            if (request := current_request()) is not None:
                request["integration_latency"] = _milliseconds(begun)

    gateway._invoke_lambda_proxy_v1 = noting


def _note_the_invocation(worker: type) -> None:
    invoke = worker.invoke

    def noting(self, event, request_id, **kwargs):
        if (request := _integrated.get()) is not None:
            request["invocation"] = request_id
        return invoke(self, event, request_id, **kwargs)

    worker.invoke = noting


def _note_the_error(gateway) -> None:
    render = gateway._gateway_error_response

    def noting(error, request):
        request["error_type"] = error.response_type
        return render(error, request)

    gateway._gateway_error_response = noting


def _write_the_line(gateway) -> None:
    handle = gateway._handle_execute_in_scope

    async def logging_each(*args, **kwargs):
        begun = time.monotonic()
        status, headers, body = await handle(*args, **kwargs)
        request = current_request()
        settings = ((request or {}).get("stage") or {}).get("accessLogSettings") or {}
        if settings.get("destinationArn") and settings.get("format"):
            values = variables(request, status, len(body), _milliseconds(begun))
            _append(settings["destinationArn"], request["api_id"], line(settings["format"], values))
        return status, headers, body

    gateway._handle_execute_in_scope = logging_each


def _milliseconds(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


def line(form: str, values: dict[str, object]) -> str:
    return _VARIABLE.sub(lambda m: str(values.get(m[1][1:], "-")), form)


def variables(request: dict, status: int, length: int, latency: int) -> dict[str, object]:
    """Returns the ``$context`` variables of one request, as far as they are known here."""
    from ministack.core.responses import get_account_id, get_request_client_ip

    headers = request["headers"]
    known = {
        "accountId": get_account_id(),
        "apiId": request["api_id"],
        "domainName": headers.get("host"),
        "error.responseType": request.get("error_type"),
        "extendedRequestId": request["request_id"],
        "httpMethod": request.get("method"),
        "identity.sourceIp": get_request_client_ip(),
        "identity.userAgent": headers.get("user-agent"),
        "integration.latency": request.get("integration_latency"),
        "integration.requestId": request.get("invocation"),
        "path": request.get("path"),
        "protocol": "HTTP/1.1",
        "requestId": request["request_id"],
        "requestTime": request.get("time"),
        "requestTimeEpoch": int(time.time() * 1000),
        "resourcePath": request["resource_path"],
        "responseLatency": latency,
        "responseLength": length,
        "stage": request["stage_name"],
        "status": status,
        **{f"authorizer.{name}": value for name, value in request.get("authorizer", {}).items()},
    }
    return {name: value for name, value in known.items() if value not in (None, "")}


def _append(destination: str, api: str, text: str) -> None:
    from ministack.services import cloudwatch_logs

    group = destination.split(":log-group:", 1)[-1].removesuffix(":*")
    if group not in cloudwatch_logs._log_groups:
        logger.warning("access log group %s does not exist", group)
        return
    stream = hashlib.md5(api.encode(), usedforsecurity=False).hexdigest()
    streams = cloudwatch_logs._log_groups[group]["streams"]
    if stream not in streams:
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": text, "ingestionTime": now}]
    cloudwatch_logs._append_log_events(streams[stream], events)
    cloudwatch_logs._fanout_to_subscription_filters(group, stream, events)
