"""The gateway's lists of headers and the service's own are one: it takes both to answer a script in a browser."""

import re

from conftest import APP_DIR

from task_service.cors import ALLOWED_HEADERS, EXPOSED_HEADERS
from task_service.gateway_responses import PROBLEMS

API = (APP_DIR.parent / "functions" / "task-api" / "src" / "api.rs").read_text()

# Browsers set the first by themselves; the second may be sent without asking (a CORS-safelisted header).
_NOT_FOR_SCRIPTS = {"Origin", "Accept"}


def test_the_service_exposes_what_the_gateway_exposes() -> None:
    (listed,) = re.findall(r'EXPOSED_HEADERS: &str = "([^"]+)"', API)
    assert re.split(r",\s*(?:\\\s*)?", listed) == list(EXPOSED_HEADERS)


def test_a_script_may_send_every_header_that_the_service_reads() -> None:
    read = set(re.findall(r'\bheader\("([A-Za-z-]+)"\)', API)) - _NOT_FOR_SCRIPTS
    assert {"If-Match", "Idempotency-Key"} <= read
    assert read <= set(ALLOWED_HEADERS)


def test_a_script_may_read_every_header_of_the_gateways_own_answers() -> None:
    own = {name for problem in PROBLEMS for name in problem.headers} | {"RateLimit-Policy", "X-Request-Id"}
    assert own <= set(EXPOSED_HEADERS)


def test_distributed_traces_may_begin_in_a_browser() -> None:
    assert {"traceparent", "tracestate"} <= set(ALLOWED_HEADERS)
