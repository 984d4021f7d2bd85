"""The gateway's and the service's lists of headers agree: a script in a browser needs both."""

from task_service.contract import API
from task_service.cors import ALLOWED_HEADERS, EXPOSED_HEADERS
from task_service.gateway_responses import PROBLEMS


def test_a_script_may_send_every_header_that_the_service_reads() -> None:
    assert {"If-Match", "Idempotency-Key"} <= set(ALLOWED_HEADERS)
    assert set(API["requestHeaders"]) - set(ALLOWED_HEADERS) == {"Origin", "Accept"}


def test_a_script_may_read_every_header_of_the_gateways_own_answers() -> None:
    own = {name for problem in PROBLEMS for name in problem.headers} | {"RateLimit-Policy", "X-Request-Id"}
    assert own <= set(EXPOSED_HEADERS)


def test_distributed_traces_may_begin_in_a_browser() -> None:
    assert {"traceparent", "tracestate"} <= set(ALLOWED_HEADERS)
