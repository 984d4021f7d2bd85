"""The gateway's own responses look like the service's: problem+json, CORS and the request id, whatever went wrong."""

import json
import re

import pytest
from conftest import APP_DIR, Synthesised

from task_service.contract import API
from task_service.cors import EXPOSED_HEADERS
from task_service.gateway_responses import PROBLEMS

ID = "7f2c8b52-0000-4000-8000-000000000000"

EXPECTED = {
    "UNAUTHORIZED": (401, "unauthorized"),
    "ACCESS_DENIED": (403, "forbidden"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not-found"),
    "RESOURCE_NOT_FOUND": (404, "not-found"),
    "THROTTLED": (429, "too-many-requests"),
    "QUOTA_EXCEEDED": (429, "too-many-requests"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "unsupported-media-type"),
    "BAD_REQUEST_PARAMETERS": (400, "invalid-request"),
    "BAD_REQUEST_BODY": (400, "invalid-request"),
    "INTEGRATION_TIMEOUT": (504, "timeout"),
    "INTEGRATION_FAILURE": (503, "unavailable"),
    "AUTHORIZER_FAILURE": (503, "unavailable"),
    "AUTHORIZER_CONFIGURATION_ERROR": (503, "unavailable"),
    "API_CONFIGURATION_ERROR": (500, "internal"),
    "DEFAULT_4XX": (None, "invalid-request"),
    "DEFAULT_5XX": (500, "internal"),
}


def test_every_answer_has_its_status_and_kind(each: Synthesised) -> None:
    found = {
        name: (
            int(response["StatusCode"]) if "StatusCode" in response else None,
            _body(response)["type"].rpartition("/problems/")[2],
        )
        for name, response in _responses(each).items()
    }
    assert found == EXPECTED


def test_a_type_leads_to_the_page_below_the_stage(dev: Synthesised, prod: Synthesised) -> None:
    for synthesised, stage in ((dev, "dev"), (prod, "prod")):
        for response in _responses(synthesised).values():
            assert _body(response)["type"].startswith(f"/{stage}/problems/")


def test_every_status_is_the_one_that_the_kinds_page_names() -> None:
    for problem in PROBLEMS:
        assert problem.status in (None, API["problems"][problem.kind]["status"])


@pytest.mark.parametrize("name", EXPECTED)
def test_a_body_is_a_problem_after_substitution(dev: Synthesised, name: str) -> None:
    response = _responses(dev)[name]
    body = _body(response)
    assert body["title"]
    assert body["detail"]
    assert body["instance"].endswith(ID)
    assert body["requestId"] == ID
    assert str(body.get("status")) == str(response.get("StatusCode"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_body_contains_nothing_the_client_wrote(dev: Synthesised, name: str) -> None:
    """API Gateway escapes nothing in these templates."""
    (template,) = _responses(dev)[name]["ResponseTemplates"].values()
    assert set(re.findall(r"\$[\w.]+", template)) <= {"$context.requestId", "$context.error.messageString"}
    assert '"$context.error.messageString"' not in template, "the message is already quoted"


@pytest.mark.parametrize("name", EXPECTED)
def test_headers_stand_on_every_answer(dev: Synthesised, name: str) -> None:
    headers = _headers(_responses(dev)[name])
    assert headers["Access-Control-Allow-Origin"] == "'*'"
    assert headers["X-Content-Type-Options"] == "'nosniff'"
    assert headers["X-Request-Id"] == "context.requestId"
    assert headers["Cache-Control"] == "'no-store'"
    assert headers["Content-Type"] == "'application/problem+json'"
    assert "Access-Control-Allow-Credentials" not in headers
    assert headers["Access-Control-Expose-Headers"].strip("'").split(",") == list(EXPOSED_HEADERS)
    assert headers["RateLimit-Policy"] == """'"default";q=500;w=1'"""


def test_401_says_how_to_authenticate_and_nothing_else_does(dev: Synthesised) -> None:
    saying = {name: _headers(response).get("WWW-Authenticate") for name, response in _responses(dev).items()}
    assert {name: value for name, value in saying.items() if value} == {
        "UNAUTHORIZED": """'Bearer error="invalid_token"'"""
    }


def test_what_passes_by_itself_says_when_to_come_back(dev: Synthesised) -> None:
    waiting = {name for name, response in _responses(dev).items() if "Retry-After" in _headers(response)}
    assert waiting == {
        "THROTTLED",
        "QUOTA_EXCEEDED",
        "INTEGRATION_TIMEOUT",
        "INTEGRATION_FAILURE",
        "AUTHORIZER_FAILURE",
        "AUTHORIZER_CONFIGURATION_ERROR",
    }
    for name in waiting:
        assert re.fullmatch(r"'[1-9][0-9]*'", _headers(_responses(dev)[name])["Retry-After"])


def test_with_several_origins_the_dataless_answers_open_to_all(prod: Synthesised) -> None:
    for response in _responses(prod).values():
        assert _headers(response)["Access-Control-Allow-Origin"] == "'*'"


def test_a_new_answer_is_deployed(dev: Synthesised) -> None:
    """A gateway response takes effect only with a later deployment."""
    (deployment,) = dev.of_type("AWS::ApiGateway::Deployment").values()
    assert set(dev.of_type("AWS::ApiGateway::GatewayResponse")) <= set(deployment["DependsOn"])


def _responses(synthesised: Synthesised) -> dict[str, dict]:
    return {
        response["Properties"]["ResponseType"]: response["Properties"]
        for response in synthesised.of_type("AWS::ApiGateway::GatewayResponse").values()
    }


def _body(response: dict) -> dict:
    template = response["ResponseTemplates"]["application/json"]
    text = template.replace("$context.requestId", ID).replace("$context.error.messageString", '"Bad \\"request\\""')
    return json.loads(text)


def _headers(response: dict) -> dict[str, str]:
    prefix = "gatewayresponse.header."
    return {name.removeprefix(prefix): value for name, value in response["ResponseParameters"].items()}
