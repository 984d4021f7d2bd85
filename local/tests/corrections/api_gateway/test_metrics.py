"""Smoke test of ``api_gateway.metrics``."""

from __future__ import annotations

from local.tests.corrections.cloudwatch.statistics import statistics
from local.tests.rest_api import Api


def measured(api: Api, **dimensions: str) -> dict[str, tuple[float, float]]:
    """Returns the number of requests and the sum of each metric that was emitted."""
    metrics = ("Count", "4XXError", "5XXError", "Latency", "IntegrationLatency")
    found = {metric: statistics(api.aws, "AWS/ApiGateway", metric, **dimensions) for metric in metrics}
    return {metric: (one["SampleCount"], one["Sum"]) for metric, one in found.items() if one}


def request_all(api: Api) -> None:
    statuses = [api.call(*call).status for call in (("x",), ("x", "denied"), ("raise",), ("answer-challenge",))]
    assert statuses == [200, 403, 502, 401]


def test_every_request_counts_by_api_and_stage(aws):
    api = Api(aws)
    request_all(api)
    for dimensions in ({"ApiName": api.name}, {"ApiName": api.name, "Stage": "dev"}):
        found = measured(api, **dimensions)
        assert (found["Count"], found["4XXError"], found["5XXError"]) == ((4, 4), (4, 2), (4, 1))
        assert found["Latency"][0] == 4 and found["Latency"][1] >= found["IntegrationLatency"][1]
        assert found["IntegrationLatency"][0] == 3  # the authorizer refused one


def test_methods_count_where_detailed_metrics_are_on(aws):
    api = Api(aws)
    method = {"ApiName": api.name, "Stage": "dev", "Resource": "/{proxy+}", "Method": "GET"}
    api.call("x")
    assert measured(api, **method) == {}
    operation = {"op": "replace", "path": "/*/*/metrics/enabled", "value": "true"}
    aws.client("apigateway").update_stage(restApiId=api.id, stageName="dev", patchOperations=[operation])
    api.call("x")
    assert measured(api, **method)["Count"] == (1, 1)


def test_a_stage_that_is_not_there_has_no_metrics(aws):
    api = Api(aws)
    aws.call("GET", f"/_aws/execute-api/{api.id}/none/x")
    assert measured(api, ApiName=api.name) == {}


def test_stock_emits_nothing(stock):
    api = Api(stock)
    request_all(api)
    assert measured(api, ApiName=api.name, Stage="dev") == {}
