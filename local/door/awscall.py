"""The AWS call behind an HTTP request: its service, action, caller, and the form of its errors on the wire.

The service is the one in the signature's credential scope (AWS: "Elements of an AWS API request signature"). The action is
in the ``X-Amz-Target`` header (JSON protocols), in the form body (query protocol) or follows from method and path (REST),
for which botocore's service models are asked. The caller is the SDK's application id, ``app/<name>`` in the user agent.
"""

from __future__ import annotations

import json
import re
import urllib.parse
import uuid
from dataclasses import dataclass
from functools import lru_cache
from xml.sax.saxutils import escape

_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/[^/]*/([^/]+)/aws4_request")
_APP = re.compile(r"(?:^|\s)app/(\S+)")
# Not signed by anybody ("Verifying JSON web tokens"), but what a verifier of tokens depends on.
_KEY_SET = re.compile(r"/[\w-]+_\w+/\.well-known/jwks\.json")
_RPC = re.compile(r"/service/[^/]+/operation/([^/]+)$")
# The names in the signature that are not the names of botocore's models.
_MODELS = {
    "execute-api": None,
    "states": "stepfunctions",
    "monitoring": "cloudwatch",
    "email": "ses",
    "tagging": "resourcegroupstaggingapi",
}


@dataclass(frozen=True)
class AwsCall:
    """One call of an AWS API; ``account`` is that of the caller's access key (see ``account_of``)."""

    service: str
    action: str
    caller: str | None
    account: str | None
    protocol: str  # json, query, rest-json or rest-xml
    content_type: str


def identify(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> AwsCall | None:
    """Returns the AWS call in a request, or None for anything else (an API's data plane, an admin endpoint)."""
    if method == "GET" and _KEY_SET.fullmatch(path):
        return AwsCall("cognito-idp", "jwks.json", None, None, "rest-json", "")
    parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    scope = _SCOPE.search(headers.get("authorization", "")) or _SCOPE.search(
        "Credential=" + parameters.get("X-Amz-Credential", "")
    )
    if scope is None or scope[2] == "execute-api" or path.startswith("/_aws/execute-api/"):
        return None
    service, content_type = scope[2], headers.get("content-type", "")
    target = headers.get("x-amz-target", "")
    if target:
        protocol, action = "json", target.rsplit(".", 1)[-1]
    elif rpc := _RPC.search(path):
        protocol, action = "rest-json", rpc[1]
    elif "x-www-form-urlencoded" in content_type or "Action" in parameters:
        form = urllib.parse.parse_qs(body.decode("utf-8", "replace"))
        protocol, action = "query", form.get("Action", [parameters.get("Action", "")])[0]
    else:
        protocol = "rest-xml" if service in ("s3", "s3-outposts") else "rest-json"
        action = parameters.get("x-id") or rest_action(service, method, path, parameters, headers)
    app = _APP.search(headers.get("x-amz-user-agent", "")) or _APP.search(headers.get("user-agent", ""))
    return AwsCall(service, action, app and app[1], account_of(scope[1]), protocol, content_type)


def account_of(access_key: str) -> str | None:
    """Returns the account that an access key names or was issued in, or None for a root key of the default account."""
    if re.fullmatch(r"\d{12}", access_key):
        return access_key
    if not access_key.startswith(("AKIA", "ASIA")):
        return None
    from ministack.core.iam_evaluator import find_iam_access_key_account
    from ministack.services import sts

    session = sts._sessions.get(access_key)
    return session["Arn"].split(":")[4] if session else find_iam_access_key_account(access_key)


def rest_action(service: str, method: str, path: str, parameters: dict[str, str], headers: dict[str, str]) -> str:
    """Returns the operation of a REST service that fits method, path and query, or ``METHOD path`` if none does."""
    best, found = -1, f"{method} {path}"
    for operation in _operations(_MODELS.get(service, service)):
        if operation.method != method or not operation.path.fullmatch(path.rstrip("/") or "/"):
            continue
        if any(k not in parameters or (v and parameters[k] != v) for k, v in operation.query.items()):
            continue
        if operation.needs_header and operation.needs_header not in headers:
            continue
        if operation.weight > best:
            best, found = operation.weight, operation.name
    return found


@dataclass(frozen=True)
class _Operation:
    name: str
    method: str
    path: re.Pattern
    query: dict[str, str]
    needs_header: str | None
    weight: int


@lru_cache
def _operations(service: str | None) -> list[_Operation]:
    import botocore.exceptions
    import botocore.session

    if service is None:
        return []
    try:
        model = botocore.session.get_session().get_service_model(service)
    except botocore.exceptions.DataNotFoundError:
        return []
    return [_operation(model.operation_model(name)) for name in model.operation_names]


def labels(service: str, action: str, path: str) -> dict[str, str]:
    """Returns the values in the path of a REST call, by the names that the service's model gives them."""
    for operation in _operations(_MODELS.get(service, service)):
        found = operation.path.fullmatch(path.rstrip("/") or "/") if operation.name == action else None
        if found:
            return {name: urllib.parse.unquote(value) for name, value in found.groupdict().items()}
    return {}


def _label(found: re.Match) -> str:
    name = re.sub(r"\W", "_", found[1])
    return f"(?P<{name}>.+)" if found[2] else f"(?P<{name}>[^/]+)"


def _operation(model) -> _Operation:
    uri, _, query = model.http.get("requestUri", "/").partition("?")
    segments = [segment for segment in uri.split("/") if segment]
    pattern = ""
    for segment in segments:
        pattern += "/" + re.sub(r"\\\{([^}]+?)(\\\+)?\\\}", _label, re.escape(segment))
    required = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    copies = model.name in ("CopyObject", "UploadPartCopy")
    literal = sum("{" not in segment for segment in segments)
    weight = 100 * len(required) + 10 * literal + len(segments) + (5 if copies else 0)
    return _Operation(
        model.name,
        model.http["method"],
        re.compile(pattern or "/"),
        required,
        "x-amz-copy-source" if copies else None,
        weight,
    )


def error(call: AwsCall, status: int, code: str, message: str) -> tuple[dict[str, str], bytes]:
    """Returns headers and body of an error in the service's own protocol, so that every SDK finds the code."""
    request_id = str(uuid.uuid4())
    if call.protocol == "json":
        headers = {"content-type": call.content_type or "application/x-amz-json-1.0", "x-amzn-requestid": request_id}
        return headers, json.dumps({"__type": code, "message": message}).encode()
    if call.protocol == "rest-json":
        headers = {"content-type": "application/json", "x-amzn-requestid": request_id, "x-amzn-errortype": code}
        return headers, json.dumps({"message": message, "Message": message, "code": code}).encode()
    fault = "Sender" if status < 500 else "Receiver"
    plain = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if call.protocol == "rest-xml":
        document = f"<Error>{plain}<RequestId>{request_id}</RequestId></Error>"
    elif call.service == "ec2":
        document = f"<Response><Errors><Error>{plain}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        document = f"<ErrorResponse><Error><Type>{fault}</Type>{plain}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    headers = {"content-type": "text/xml", "x-amzn-requestid": request_id, "x-amz-request-id": request_id}
    return headers, f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'.encode()
