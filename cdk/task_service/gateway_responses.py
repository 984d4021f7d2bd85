"""The responses that API Gateway itself gives, in the format of the service's own problems (RFC 9457, `problem.rs`).

The templates are not VTL: API Gateway only substitutes variables, without escaping. So the only variables used are its own
request id and its own error message (`$context.error.messageString` is already quoted), and no text from the request, not
even its path, appears in a body.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import aws_apigateway as apigateway

from task_service.contract import API
from task_service.cors import EXPOSED_HEADERS

# "Variables for data transformations for API Gateway": the message is already quoted; clients can set the request id, but not
# $context.extendedRequestId or the invocation's id.
_GATEWAY_MESSAGE = "$context.error.messageString"
_REQUEST_ID = "$context.requestId"


@dataclass(frozen=True, kw_only=True)
class GatewayProblem:
    """One gateway response.

    `status` None keeps API Gateway's own status; the body then has none, because one fixed body cannot know it. `kind` is
    one of the service's own kinds, which provide the title and the page that `type` leads to.
    """

    response_type: str
    status: int | None
    kind: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, *, stage: str) -> str:
        problem: dict[str, object] = {"type": f"/{stage}/problems/{self.kind}", "title": API["problems"][self.kind]["title"]}
        if self.status is not None:
            problem["status"] = self.status
        problem |= {
            "detail": self.detail,
            "instance": f"/requests/{_REQUEST_ID}",
            "requestId": _REQUEST_ID,
        }
        return json.dumps(problem, separators=(",", ":")).replace(f'"{_GATEWAY_MESSAGE}"', _GATEWAY_MESSAGE)


def _internal(response_type: str) -> GatewayProblem:
    return GatewayProblem(
        response_type=response_type,
        status=500,
        kind="internal",
        detail="Something went wrong; quote the requestId when you report it.",
    )


def _forbidden(response_type: str) -> GatewayProblem:
    return GatewayProblem(
        response_type=response_type,
        status=403,
        kind="forbidden",
        detail="The token does not have the scope for this call.",
    )


def _not_found(response_type: str) -> GatewayProblem:
    return GatewayProblem(
        response_type=response_type,
        status=404,
        kind="not-found",
        detail="There is nothing at this path.",
    )


def _too_many(response_type: str, *, retry_after_seconds: int) -> GatewayProblem:
    return GatewayProblem(
        response_type=response_type,
        status=429,
        kind="too-many-requests",
        detail="Too many requests; slow down and try again.",
        headers={"Retry-After": str(retry_after_seconds)},
    )


def _unauthenticated(response_type: str) -> GatewayProblem:
    # The seconds after which the authorizer asks an issuer again (WINDOW_WITHOUT_KEYS in its keyring.rs).
    return GatewayProblem(
        response_type=response_type,
        status=503,
        kind="unavailable",
        detail="Nobody can be authenticated at the moment; the token may be good. Try again shortly.",
        headers={"Retry-After": "5"},
    )


def _invalid(response_type: str, status: int | None = 400) -> GatewayProblem:
    return GatewayProblem(
        response_type=response_type,
        status=status,
        kind="invalid-request",
        detail=_GATEWAY_MESSAGE,
    )


# "Gateway response types for API Gateway" has the whole list with API Gateway's own statuses. REQUEST_TOO_LARGE is missing here,
# because requests too large for API Gateway or Lambda are answered before any of these apply (docs/api.md,
# local/corrections/api_gateway/failures.py).
PROBLEMS = (
    GatewayProblem(
        response_type="UNAUTHORIZED",
        status=401,
        kind="unauthorized",
        detail="The Authorization header is missing, or its token is not valid.",
        # RFC 6750, 3.1: a client with this error gets a new token. One header serves a missing token too.
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    ),
    _forbidden("ACCESS_DENIED"),
    # Despite its name it means "no such method or resource": no route here uses IAM signatures or API keys, so a caller
    # who gets it does not lack a token. (API Gateway's own 403 is misleading.)
    _not_found("MISSING_AUTHENTICATION_TOKEN"),
    _not_found("RESOURCE_NOT_FOUND"),
    _too_many("THROTTLED", retry_after_seconds=1),
    _too_many("QUOTA_EXCEEDED", retry_after_seconds=3600),
    GatewayProblem(
        response_type="UNSUPPORTED_MEDIA_TYPE",
        status=415,
        kind="unsupported-media-type",
        detail="The body must be JSON; a Content-Encoding must be gzip or deflate.",
    ),
    _invalid("BAD_REQUEST_PARAMETERS"),
    _invalid("BAD_REQUEST_BODY"),
    # 504: the function may still be running, so nobody can say whether the call took effect.
    GatewayProblem(
        response_type="INTEGRATION_TIMEOUT",
        status=504,
        kind="timeout",
        detail="The service did not answer in time, and the call may or may not have taken effect; "
        "repeat a create with the same Idempotency-Key, and read a task before changing it again.",
        headers={"Retry-After": "1"},
    ),
    # API Gateway's own status is 504 here as well, but the meaning is that the function could not be invoked (throttled, or
    # frozen by a teardown), so the service is unavailable and the caller may try again.
    GatewayProblem(
        response_type="INTEGRATION_FAILURE",
        status=503,
        kind="unavailable",
        detail="The service cannot be reached; try again shortly.",
        headers={"Retry-After": "1"},
    ),
    # The token may be good: the authorizer crashed, could not be invoked, or knows no key of the token's issuer (docs/auth.md).
    # AWS does not say which of the two types an authorizer's error has.
    _unauthenticated("AUTHORIZER_FAILURE"),
    _unauthenticated("AUTHORIZER_CONFIGURATION_ERROR"),
    _internal("API_CONFIGURATION_ERROR"),
    # A fallback's status replaces that of every type without a response of its own. For 4XX we keep API Gateway's choice
    # (such as a firewall's 403). What is left for 5XX is a function that crashed or returned a malformed response, which
    # api.md calls a 500.
    _invalid("DEFAULT_4XX", status=None),
    _internal("DEFAULT_5XX"),
)


def add_gateway_responses(
    api: apigateway.RestApi, *, stage: str, allowed_origins: Sequence[str], rate_limit_policy: str
) -> None:
    # A gateway response can name only one fixed origin. With several, `*` lets any page read these bodies, which contain
    # nobody's data; credentials are never allowed.
    origin = allowed_origins[0] if len(allowed_origins) == 1 else "*"
    for problem in PROBLEMS:
        headers = {
            # The key of the template below has to be application/json, the only one that API Gateway picks whatever the
            # request accepts; this header states the body's actual type.
            "Content-Type": _fixed("application/problem+json"),
            "Access-Control-Allow-Origin": _fixed(origin),
            "Access-Control-Expose-Headers": _fixed(",".join(EXPOSED_HEADERS)),
            "Cache-Control": _fixed("no-store"),
            "RateLimit-Policy": _fixed(rate_limit_policy),
            "X-Content-Type-Options": _fixed("nosniff"),
            "X-Request-Id": "context.requestId",
            **{name: _fixed(value) for name, value in problem.headers.items()},
        }
        api.add_gateway_response(
            f"Gateway-{problem.response_type}",
            type=apigateway.ResponseType.of(problem.response_type),
            status_code=None if problem.status is None else str(problem.status),
            response_headers=headers,
            templates={"application/json": problem.body(stage=stage)},
        )


def _fixed(value: str) -> str:
    """Quotes a static value for a parameter mapping, which expects single quotes."""
    return f"'{value}'"
