"""Correction: API Gateway emits its metrics.

What AWS does ("Amazon API Gateway dimensions and metrics"): each request to a stage counts in ``Count``, with 0 or 1 in ``4XXError``
and ``5XXError`` (so that their average is a rate) and its ``Latency``; ``IntegrationLatency`` is the backend's part. Gateway
responses count, too. Dimensions: ApiName, and ApiName with Stage; Resource and Method besides, where the stage's detailed metrics
are on. Characters that are not ASCII are taken out of ApiName.

What stock MiniStack does: emits none.
"""

from __future__ import annotations

import time

from local.corrections.api_gateway.request import current_request
from local.corrections.cloudwatch import points


def apply() -> None:
    from ministack.services import apigateway_v1 as gateway

    handle = gateway._handle_execute_in_scope

    async def measured(*args, **kwargs):
        begun = time.monotonic()
        answer = await handle(*args, **kwargs)
        request = current_request()
        if request is not None and request["stage"] is not None:
            _add(gateway, request, answer[0], round((time.monotonic() - begun) * 1000))
        return answer

    gateway._handle_execute_in_scope = measured


def _add(gateway, request: dict, status: int, latency: int) -> None:
    values = [
        ("Count", 1, "Count"),
        ("4XXError", int(400 <= status < 500), "Count"),
        ("5XXError", int(status >= 500), "Count"),
        ("Latency", latency, "Milliseconds"),
    ]
    if (integration := request.get("integration_latency")) is not None:
        values.append(("IntegrationLatency", integration, "Milliseconds"))
    for dimensions in _dimensions(gateway, request):
        for metric, value, unit in values:
            points.add("AWS/ApiGateway", metric, value, unit, dimensions)


def _dimensions(gateway, request: dict) -> list[dict[str, str]]:
    name = (gateway._rest_apis.get(request["api_id"]) or {}).get("name", "").encode("ascii", "ignore").decode()
    stage = {"ApiName": name, "Stage": request["stage_name"]}
    found = [{"ApiName": name}, stage]
    settings = (request["stage"].get("methodSettings") or {}).get("*/*") or {}
    if str(settings.get("metricsEnabled")).lower() == "true" and request["resource_path"]:
        found.append({**stage, "Resource": request["resource_path"], "Method": request["method"]})
    return found
