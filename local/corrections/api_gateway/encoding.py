"""Correction: API Gateway compresses answers and inflates request bodies.

What AWS does ("Payload compression for REST APIs in API Gateway", "Receive an API response with a compressed payload", "Call an
API method with a compressed payload"): an answer of at least the API's ``minimumCompressionSize`` without a Content-Encoding of
its own is compressed if the coding that Accept-Encoding ranks highest is gzip or deflate. A request's body is inflated as its
Content-Encoding says before anything else sees it; an unknown coding, or a body that is not in that coding, is 415
UNSUPPORTED_MEDIA_TYPE.

What stock MiniStack does: stores ``minimumCompressionSize``, compresses nothing and passes compressed bodies on as they are.
"""

from __future__ import annotations

import gzip
import zlib

from local.corrections.api_gateway.request import current_request

_COMPRESS = {"gzip": lambda body: gzip.compress(body, mtime=0), "deflate": zlib.compress}
_INFLATE = {"gzip": gzip.decompress, "deflate": zlib.decompress, "identity": bytes}


def apply() -> None:
    from ministack.services import apigateway_v1

    _inflate_requests(apigateway_v1)
    _compress_answers(apigateway_v1)


def _inflate_requests(gateway) -> None:
    execute = gateway._execute_in_scope

    async def inflating(request, api_id, stage, method, path, headers, body, *args, **kwargs):
        coding = (headers or {}).get("content-encoding", "").strip().lower()
        if coding and body:
            try:
                body = _INFLATE[coding](body)
            except (KeyError, OSError, EOFError, zlib.error):
                request["stage"] = gateway._stages_v1.get(api_id, {}).get(stage)
                if request["stage"] is not None:
                    return gateway._GatewayError("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
        return await execute(request, api_id, stage, method, path, headers, body, *args, **kwargs)

    gateway._execute_in_scope = inflating


def _compress_answers(gateway) -> None:
    handle = gateway._handle_execute_in_scope

    async def compressing(*args, **kwargs):
        status, headers, body = await handle(*args, **kwargs)
        request = current_request() or {}
        least = (gateway._rest_apis.get(request.get("api_id")) or {}).get("minimumCompressionSize")
        coding = preferred((request.get("headers") or {}).get("accept-encoding", ""))
        encoded = any(name.lower() == "content-encoding" for name in headers)
        if least is not None and len(body) >= int(least) and coding in _COMPRESS and not encoded:
            body = _COMPRESS[coding](body)
            headers = {**headers, "Content-Encoding": coding}
        return status, headers, body

    gateway._handle_execute_in_scope = compressing


def preferred(accept_encoding: str) -> str | None:
    """Returns the coding that the header ranks highest, or the first of several."""
    ranked: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        weight = parameter.strip().removeprefix("q=") or "1"
        if coding.strip():
            ranked[coding.strip()] = float(weight) if weight.replace(".", "", 1).isdigit() else 0.0
    best = max(ranked, key=lambda coding: ranked[coding], default=None)
    return best if best is not None and ranked[best] > 0 else None
