"""Correction: API Gateway renames a function's ``WWW-Authenticate``.

What AWS does ("Amazon API Gateway important notes"): it sends a ``WWW-Authenticate`` header that an integration returned as
``x-amzn-Remapped-WWW-Authenticate``. A gateway response keeps the name.

What stock MiniStack does: passes the header on.
"""

from __future__ import annotations

_REMAPPED = {"www-authenticate": "x-amzn-Remapped-WWW-Authenticate"}


def apply() -> None:
    from ministack.services import apigateway_v1 as gateway

    invoke = gateway._invoke_lambda_proxy_v1

    async def remapping(*args, **kwargs):
        answer = await invoke(*args, **kwargs)
        if not isinstance(answer, tuple):  # a failure, which becomes a gateway response
            return answer
        status, headers, body = answer
        return status, {_REMAPPED.get(name.lower(), name): value for name, value in headers.items()}, body

    gateway._invoke_lambda_proxy_v1 = remapping
