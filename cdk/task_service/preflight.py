"""CORS preflight, answered by API Gateway itself: no token and no function, only the price of a request."""

from collections.abc import Sequence

from aws_cdk import aws_apigateway as apigateway

from task_service.cors import ALLOWED_HEADERS, ALLOWED_METHODS

# Browsers cap it (Chromium at 2 h). A change to the allowed origins takes effect after this time at the latest.
_MAX_AGE_SECONDS = 3600


def add_preflight(
    resource: apigateway.IResource, *, allowed_origins: Sequence[str], rate_limit_policy: str
) -> apigateway.Method:
    headers = {
        "Access-Control-Allow-Origin": f"'{allowed_origins[0]}'",
        "Access-Control-Allow-Methods": f"'{','.join(ALLOWED_METHODS)}'",
        "Access-Control-Allow-Headers": f"'{','.join(ALLOWED_HEADERS)}'",
        "Access-Control-Max-Age": f"'{_MAX_AGE_SECONDS}'",
        "Cache-Control": "'no-store'",
        "RateLimit-Policy": f"'{rate_limit_policy}'",
        "X-Content-Type-Options": "'nosniff'",
        "X-Request-Id": "context.requestId",
    }
    if allowed_origins[0] != "*":
        headers["Vary"] = "'Origin'"
    mapped = {f"method.response.header.{name}": value for name, value in headers.items()}
    return resource.add_method(
        "OPTIONS",
        apigateway.MockIntegration(
            request_templates={"application/json": '{"statusCode": 204}'},
            # No browser sends a body with a preflight. A body of another media type has no template: passed through, it
            # would lack a statusCode and become a 500; with NEVER it is a 415.
            passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
            # JSON is a binary media type of this API (api.py), and a template needs text.
            content_handling=apigateway.ContentHandling.CONVERT_TO_TEXT,
            integration_responses=[
                apigateway.IntegrationResponse(
                    status_code="204",
                    content_handling=apigateway.ContentHandling.CONVERT_TO_TEXT,
                    response_parameters=mapped,
                    response_templates=_choose_origin(allowed_origins),
                )
            ],
        ),
        authorization_type=apigateway.AuthorizationType.NONE,
        method_responses=[
            apigateway.MethodResponse(status_code="204", response_parameters=dict.fromkeys(mapped, True))
        ],
    )


def _choose_origin(allowed_origins: Sequence[str]) -> dict[str, str] | None:
    """Returns, for several origins, a template that repeats the request's origin if it is allowed; otherwise the first stays."""
    if len(allowed_origins) == 1:
        return None
    condition = " || ".join(f'$origin == "{origin}"' for origin in allowed_origins[1:])
    template = (
        '#set($origin = $input.params().header.get("Origin"))\n'
        '#if($origin == "")#set($origin = $input.params().header.get("origin"))#end\n'
        f"#if({condition})#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end"
    )
    return {"application/json": template}
