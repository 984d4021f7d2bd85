"""The methods and headers that scripts in a browser may use."""

from task_service.contract import API

ALLOWED_METHODS = (*API["methods"], "OPTIONS")

# Browsers set the first themselves; the second is CORS-safelisted and needs no permission.
_ALWAYS_ALLOWED = {"Origin", "Accept"}

# The headers that the service reads, and those that tracing in a browser adds to every call.
ALLOWED_HEADERS = (
    "Authorization",
    *(name for name in API["requestHeaders"] if name not in _ALWAYS_ALLOWED),
    "traceparent",
    "tracestate",
)

# Listed by name, because older browsers do not apply `*` to headers related to authorization.
EXPOSED_HEADERS = tuple(API["exposedHeaders"])
