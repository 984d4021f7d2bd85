//! Error → `application/problem+json` (RFC 9457): the only place where errors meet HTTP.

use serde::Serialize;

use crate::{
    error::{Error, FieldError},
    http::Response,
};

/// Seconds after which a client may try again when the table is unavailable.
const RETRY_AFTER: &str = "1";

/// Everything of a problem but the request it happened in.
#[derive(Debug)]
pub struct Problem {
    pub status: u16,
    /// The last part of `type`: `/problems/<kind>`, listed in docs/api.md.
    pub kind: &'static str,
    pub title: &'static str,
    pub detail: String,
    pub errors: Vec<FieldError>,
    pub headers: Vec<(&'static str, String)>,
    /// For the log alone.
    pub cause: Option<Error>,
}

impl Problem {
    fn new(status: u16, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, kind, title, detail, errors: Vec::new(), headers: Vec::new(), cause: None }
    }

    fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn unknown_path() -> Self {
        Self::new(404, "not-found", "Not found", "There is nothing at this path.")
    }

    #[must_use]
    pub fn method_not_allowed(allow: &str) -> Self {
        let detail = format!("This path answers {allow}.");
        Self::new(405, "method-not-allowed", "Method not allowed", detail).with_header("Allow", allow)
    }

    /// `accept_header` is `Accept-Post` or `Accept-Patch`; `None` for PUT, which has no such header.
    #[must_use]
    pub fn unsupported_media_type(accept_header: Option<&'static str>, accepted: &str) -> Self {
        let detail = format!("The body must be {accepted}.");
        let problem = Self::new(415, "unsupported-media-type", "Unsupported media type", detail);
        match accept_header {
            Some(name) => problem.with_header(name, accepted),
            None => problem,
        }
    }

    #[must_use]
    pub fn payload_too_large(limit: usize) -> Self {
        let detail = format!("The body may have at most {limit} bytes.");
        Self::new(413, "payload-too-large", "Payload too large", detail)
    }

    #[must_use]
    pub fn into_response(self, instance: &str, request_id: &str) -> Response {
        let body = Body {
            kind: format!("/problems/{}", self.kind),
            title: self.title,
            status: self.status,
            detail: &self.detail,
            instance,
            request_id,
            errors: &self.errors,
        };
        let response = Response::json(self.status, &body);
        self.headers
            .into_iter()
            .fold(response, |response, (name, value)| response.with_header(name, value))
            .with_header("Content-Type", "application/problem+json")
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let mut problem = match &error {
            Error::Invalid(_) => Self::new(
                400,
                "invalid-request",
                "Invalid request",
                "The request is not valid; `errors` lists every place.",
            ),
            Error::InvalidCursor => Self::new(
                400,
                "invalid-cursor",
                "Invalid cursor",
                "The cursor is malformed or belongs to another query; start again without it.",
            ),
            Error::Forbidden => {
                Self::new(403, "forbidden", "Forbidden", "The token does not have the scope for this call.")
            }
            Error::NotFound => Self::new(404, "not-found", "Not found", "There is no such task."),
            Error::InvalidTransition { from, to } => Self::new(
                409,
                "invalid-transition",
                "Invalid transition",
                format!("A task cannot move from {} to {}.", from.as_str(), to.as_str()),
            ),
            Error::Stale { current } => Self::new(
                412,
                "precondition-failed",
                "Precondition failed",
                format!("The task is at version {current}, which If-Match or If-None-Match rules out; read it again."),
            )
            .with_header("ETag", format!("\"{current}\"")),
            Error::IdempotencyMismatch => Self::new(
                422,
                "idempotency-mismatch",
                "Idempotency mismatch",
                "This Idempotency-Key was used with another body in the last 24 hours.",
            ),
            Error::Unavailable(_) => Self::new(
                503,
                "unavailable",
                "Service unavailable",
                "The service is busy; try again shortly.",
            )
            .with_header("Retry-After", RETRY_AFTER),
            Error::Internal(_) => {
                Self::new(500, "internal", "Internal error", "Something went wrong; quote the request id.")
            }
        };
        match error {
            Error::Invalid(errors) => problem.errors = errors,
            error => problem.cause = Some(error),
        }
        problem
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_text_never_reaches_a_client() {
        for error in [Error::internal("secret table name"), Error::Unavailable("secret host".into())] {
            let response = Problem::from(error).into_response("/dev/tasks", "r-1");
            assert!(!format!("{response:?}").contains("secret"), "{response:?}");
        }
    }

    #[test]
    fn a_problem_has_every_member() {
        let error = Error::Invalid(vec![FieldError::new("/title", "required", "title is required")]);
        let response = Problem::from(error).into_response("/dev/tasks", "r-1");
        assert_eq!(response.headers["Content-Type"], "application/problem+json");
        let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
        let expected = serde_json::json!({
            "type": "/problems/invalid-request",
            "title": "Invalid request",
            "status": 400,
            "detail": "The request is not valid; `errors` lists every place.",
            "instance": "/dev/tasks",
            "requestId": "r-1",
            "errors": [{"pointer": "/title", "code": "required", "detail": "title is required"}],
        });
        assert_eq!(body, expected);
    }
}
