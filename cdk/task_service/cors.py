"""What scripts of a browser's page may send and read. The function's own answers have the same list (`functions/task-api/src/api.rs`)."""

# Of the request: what the service reads, and what tracing in a browser adds to every call.
ALLOWED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "traceparent",
    "tracestate",
)

# Of the answer. By name, since `*` would not cover Authorization-related ones on older browsers.
EXPOSED_HEADERS = (
    "Accept-Patch",
    "Accept-Post",
    "Allow",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)
