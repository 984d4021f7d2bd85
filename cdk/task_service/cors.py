"""What scripts of a browser's page may send and read."""

from task_service.contract import API

ALLOWED_METHODS = (*API["methods"], "OPTIONS")

# Browsers set the first by themselves; the second may be sent without asking (a CORS-safelisted header).
_NEED_NO_LEAVE = {"Origin", "Accept"}

# What the service reads, and what tracing in a browser adds to every call.
ALLOWED_HEADERS = (
    "Authorization",
    *(name for name in API["requestHeaders"] if name not in _NEED_NO_LEAVE),
    "traceparent",
    "tracestate",
)

# By name, since `*` would not cover Authorization-related ones on older browsers.
EXPOSED_HEADERS = tuple(API["exposedHeaders"])
