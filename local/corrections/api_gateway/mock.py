"""Correction: a MOCK integration (a CORS preflight without a function) answers what its mapping says.

What AWS does ("Amazon API Gateway API request and response data mapping reference"): a response header may be mapped from a
quoted constant or from ``context.*``; a mapping template may override headers by setting
``$context.responseOverride.header.<name>``; a 204 has no body. ("Integration passthrough behaviors"): a body of a media type
without a template is passed on as it is, and a MOCK that finds no ``statusCode`` in it fails with 500. ("Content type
conversions in API Gateway"): a body of a type in ``binaryMediaTypes`` is binary, which a template cannot read (500 "Unable to
transform request"; also without a body), unless the integration's ``contentHandling`` is CONVERT_TO_TEXT.

What stock MiniStack does: ``context.requestId`` is sent as text, a template is sent as it stands, a 204 has ``{}``, and neither
the request's media type nor ``contentHandling`` matters.

Only as much of the template language is understood as a preflight needs: ``#set``, ``#if`` with ``==`` and ``||``, request
headers.
"""

from __future__ import annotations

import re

from local.corrections.api_gateway.failures import IntegrationFailure
from local.corrections.api_gateway.request import current_request

_IF = re.compile(r"#if\((.*?)\)(.*?)#end", re.DOTALL)
_SET = re.compile(r"#set\(\s*\$([\w.-]+)\s*=\s*([^()\n]*(?:\([^()\n]*\)[^()\n]*)*)\)")
_HEADER = re.compile(r"""\$input\.params\(\)\.header\.get\(["'](.+?)["']\)""")
_OVERRIDE = "context.responseOverride.header."


def apply() -> None:
    from ministack.services import apigateway_v1

    answer = apigateway_v1._invoke_mock_v1

    def corrected(integration):
        request = current_request() or {}
        _read(integration, request, apigateway_v1)
        status, headers, body = answer(integration)
        headers = {name: _mapped(value, request) for name, value in headers.items()}
        text = body.decode()
        if "#" in text:
            text, overrides = evaluate(text, request.get("headers") or {})
            headers.update(overrides)
        if status == 204:
            text = ""
            headers.pop("Content-Type", None)
        return status, headers, text.encode()

    apigateway_v1._invoke_mock_v1 = corrected


def _read(integration: dict, request: dict, gateway) -> None:
    """Fails where no template can make a ``statusCode`` of the request."""
    media_type = (request.get("headers") or {}).get("content-type") or "application/json"
    templates = integration.get("requestTemplates") or {}
    if media_type.split(";")[0].strip().lower() not in templates:
        raise IntegrationFailure(500, "API_CONFIGURATION_ERROR")
    binary = (gateway._rest_apis.get(request.get("api_id")) or {}).get("binaryMediaTypes")
    if gateway._media_type_matches(media_type, binary) and integration.get("contentHandling") != "CONVERT_TO_TEXT":
        raise IntegrationFailure(500, "API_CONFIGURATION_ERROR")


def _mapped(value: str, request: dict) -> str:
    if value == "context.requestId":
        return request.get("request_id", "")
    return value


def evaluate(template: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Returns a template's text and the headers it overrides. The request's header names are matched without regard to case."""
    variables: dict[str, str] = {}

    def value(expression: str) -> str:
        expression = expression.strip()
        if len(expression) > 1 and expression[0] == expression[-1] and expression[0] in "\"'":
            return expression[1:-1]
        if header := _HEADER.fullmatch(expression):
            return headers.get(header[1].lower(), "")
        return variables.get(expression.removeprefix("$"), "")

    def holds(condition: str) -> bool:
        return any(
            value(left) == value(right) for left, _, right in (part.partition("==") for part in condition.split("||"))
        )

    def sets(text: str) -> str:
        for name, expression in _SET.findall(text):
            variables[name] = value(expression)
        return _SET.sub("", text)

    text, at = "", 0
    for branch in _IF.finditer(template):
        text += sets(template[at : branch.start()])
        if holds(branch[1]):
            text += sets(branch[2])
        at = branch.end()
    text += sets(template[at:])
    overrides = {name.removeprefix(_OVERRIDE): given for name, given in variables.items() if name.startswith(_OVERRIDE)}
    return text.strip(), overrides
