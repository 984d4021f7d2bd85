"""Correction: what API Gateway tells the function about the request.

What AWS does ("Input format of a Lambda function for proxy integration", "Variables for access logging for API Gateway"):
``requestContext.path`` is the path the client sent, stage or base path included; ``requestContext.requestId`` is the answer's
``x-amzn-RequestId``; of a header on several lines, ``multiValueHeaders`` has all and ``headers`` the last;
``identity.sourceIp`` is the address of the connection, whatever ``X-Forwarded-For`` says, and is appended to that header;
``domainName`` and ``domainPrefix`` are set.

What stock MiniStack does: ``/<stage>/…`` even when the client used a path-style URL, so that links built from it lead nowhere;
another request id than the answer's; a header's lines joined into one; the first ``X-Forwarded-For`` as the source; no domain
name.
"""

from __future__ import annotations

import contextvars
from datetime import UTC, datetime

_client_path: contextvars.ContextVar[str] = contextvars.ContextVar("client_path", default="")
_lines: contextvars.ContextVar[dict[str, list[str]] | None] = contextvars.ContextVar("lines", default=None)
_request: contextvars.ContextVar[dict | None] = contextvars.ContextVar("request", default=None)


def current_request() -> dict | None:
    """Returns MiniStack's record of the request being served, with what the corrections have added to it."""
    return _request.get()


def apply() -> None:
    from ministack import app
    from ministack.services import apigateway_v1

    handle = app._handle_execute_api_request

    async def remembering(host, path, *args, raw_path=None, **kwargs):
        _client_path.set(raw_path or path)
        return await handle(host, path, *args, raw_path=raw_path, **kwargs)

    app._handle_execute_api_request = remembering
    _remember_the_lines(app)
    _carry_the_request(apigateway_v1)
    _correct_the_event(apigateway_v1)


def _remember_the_lines(ministack) -> None:
    serve = ministack.app

    async def remembering(scope, receive, send):
        lines: dict[str, list[str]] = {}
        for name, value in scope.get("headers", []):
            lines.setdefault(name.decode("latin-1").lower(), []).append(ministack.decode_header_value(value))
        _lines.set(lines)
        await serve(scope, receive, send)

    ministack.app = remembering


def _carry_the_request(gateway) -> None:
    execute = gateway._execute_in_scope

    async def carrying(request, api_id, stage, method, *args, **kwargs):
        request.update(path=_client_path.get(), method=method, time=f"{datetime.now(UTC):%d/%b/%Y:%H:%M:%S +0000}")
        _request.set(request)
        answer = await execute(request, api_id, stage, method, *args, **kwargs)
        if isinstance(answer, tuple):
            answer[1]["x-amzn-requestid"] = request["request_id"]
        return answer

    gateway._execute_in_scope = carrying


def _correct_the_event(gateway) -> None:
    from ministack.core.responses import get_request_client_ip

    build = gateway._build_lambda_event_v1

    def corrected(api_id, *args, **kwargs):
        event = build(api_id, *args, **kwargs)
        request, source = _request.get(), get_request_client_ip()
        if request is None:
            return event
        for name, lines in (_lines.get() or {}).items():
            if name in event["headers"]:
                event["headers"][name], event["multiValueHeaders"][name] = lines[-1], list(lines)
        host = event["headers"].get("host", "")
        context = event["requestContext"]
        context.update(path=_client_path.get(), requestId=request["request_id"], domainName=host, domainPrefix=api_id)
        context["identity"]["sourceIp"] = source
        _forwarded(event, source, host)
        return event

    gateway._build_lambda_event_v1 = corrected


def _forwarded(event: dict, source: str, host: str) -> None:
    """Sets the three headers that API Gateway adds."""
    before = event["headers"].pop("x-forwarded-for", None)
    event["multiValueHeaders"].pop("x-forwarded-for", None)
    added = {
        "X-Forwarded-For": f"{before}, {source}" if before else source,
        "X-Forwarded-Port": host.rpartition(":")[2] or "80",
        "X-Forwarded-Proto": "http",
    }
    event["headers"].update(added)
    event["multiValueHeaders"].update({name: [value] for name, value in added.items()})
