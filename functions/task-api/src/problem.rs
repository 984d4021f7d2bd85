//! Maps errors to `application/problem+json` (RFC 9457): the only place where errors meet HTTP.

pub mod kind;

use gateway::{http::Response, problem::Details};
use tasks::error::{Error, FieldError};

use self::kind::Kind;
use crate::store::KEY_HOURS;

/// The `Retry-After` of a response that says the table is unavailable, in seconds.
const RETRY_AFTER: &str = "1";

/// The most entries in `errors`: a body can have thousands of them.
const ERRORS_MAX: usize = 50;

/// A problem, apart from the request in which it occurred.
#[derive(Debug)]
pub struct Problem {
    pub kind: &'static Kind,
    pub detail: String,
    pub errors: Vec<FieldError>,
    pub headers: Vec<(&'static str, String)>,
    /// For the log only.
    pub cause: Option<Error>,
}

impl Problem {
    fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new(), cause: None }
    }

    fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds what the caller has to send instead ("The WWW-Authenticate Response Header Field", RFC 6750, 3).
    fn challenging(self, parameters: &str) -> Self {
        self.with_header("WWW-Authenticate", format!("Bearer {parameters}"))
    }

    #[must_use]
    pub fn unknown_path() -> Self {
        Self::new(&kind::NOT_FOUND, "There is nothing at this path.")
    }

    #[must_use]
    pub fn method_not_allowed(allow: &str) -> Self {
        Self::new(&kind::METHOD_NOT_ALLOWED, format!("This path supports {allow}."))
            .with_header("Allow", allow)
    }

    /// `accept_header` is `Accept-Post` or `Accept-Patch`; `None` for PUT, which has no such header.
    #[must_use]
    pub fn unsupported_media_type(accept_header: Option<&'static str>, accepted: &str) -> Self {
        let problem = Self::new(&kind::UNSUPPORTED_MEDIA_TYPE, format!("The body must be {accepted}."));
        match accept_header {
            Some(name) => problem.with_header(name, accepted),
            None => problem,
        }
    }

    #[must_use]
    pub fn payload_too_large(limit: usize) -> Self {
        Self::new(&kind::PAYLOAD_TOO_LARGE, format!("The body may have at most {limit} bytes."))
    }

    fn invalid(errors: &[FieldError]) -> Self {
        let (found, errors) = (errors.len(), errors.iter().take(ERRORS_MAX).cloned().collect());
        let detail = if found > ERRORS_MAX {
            format!("The request has {found} errors; `errors` lists the first {ERRORS_MAX}.")
        } else {
            "The request is not valid; `errors` lists all errors.".to_owned()
        };
        Self { errors, ..Self::new(&kind::INVALID_REQUEST, detail) }
    }

    /// Returns the response. `base` is the path of the API's root, below which the kinds have their pages.
    #[must_use]
    pub fn into_response(self, base: &str, instance: &str, request_id: &str) -> Response {
        let Kind { name, title, status, .. } = self.kind;
        let details = Details { name, title, status: *status, detail: &self.detail, errors: &self.errors };
        let response = details.response(base, instance, request_id);
        self.headers.into_iter().fold(response, |response, (name, value)| response.with_header(name, value))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = match &error {
            Error::Invalid(errors) => Self::invalid(errors),
            Error::InvalidCursor => Self::new(
                &kind::INVALID_CURSOR,
                "The cursor is malformed or belongs to another query; start over without it.",
            ),
            Error::Forbidden { needed } => {
                let needed = needed.as_str();
                Self::new(&kind::FORBIDDEN, format!("The token does not have the scope {needed}."))
                    .challenging(&format!(r#"error="insufficient_scope", scope="{needed}""#))
            }
            Error::Expired => Self::new(&kind::UNAUTHORIZED, "The token has expired.")
                .challenging(r#"error="invalid_token", error_description="expired""#),
            Error::NotFound => Self::new(&kind::NOT_FOUND, "There is no such task."),
            Error::InvalidTransition { from, to } => Self::new(
                &kind::INVALID_TRANSITION,
                format!("A task cannot move from {} to {}.", from.as_str(), to.as_str()),
            ),
            Error::Stale { current } => Self::new(
                &kind::PRECONDITION_FAILED,
                format!("The task is at version {current}, which If-Match or If-None-Match rules out."),
            )
            .with_header("ETag", format!("\"{current}\"")),
            Error::IdempotencyMismatch => Self::new(
                &kind::IDEMPOTENCY_MISMATCH,
                format!("This Idempotency-Key was used with a different body in the last {KEY_HOURS} hours."),
            ),
            Error::OutcomeUnknown(_) => Self::new(
                &kind::OUTCOME_UNKNOWN,
                "The request may or may not have taken effect. Read the task before you retry. A change whose If-Match \
                 names one version, and a create with an Idempotency-Key, can be retried as they are.",
            ),
            Error::Unavailable(_) => Self::new(
                &kind::UNAVAILABLE,
                "The service is busy, and the request had no effect; try again shortly.",
            )
            .with_header("Retry-After", RETRY_AFTER),
            Error::Internal(_) => {
                Self::new(&kind::INTERNAL, "Something went wrong; quote the requestId when you report it.")
            }
        };
        Self { cause: Some(error), ..problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_text_never_reaches_a_client() {
        for error in [Error::internal("secret table name"), Error::Unavailable("secret host".into())] {
            let response = Problem::from(error).into_response("/dev", "/dev/tasks", "r-1");
            assert!(!format!("{response:?}").contains("secret"), "{response:?}");
        }
    }

    #[test]
    fn a_problem_has_every_member() {
        let error = Error::Invalid(vec![FieldError::new("/title", "required", "title is required")]);
        let response = Problem::from(error).into_response("/dev", "/dev/tasks", "r-1");
        assert_eq!(response.headers["Content-Type"], "application/problem+json");
        let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
        let expected = serde_json::json!({
            "type": "/dev/problems/invalid-request",
            "title": "Invalid request",
            "status": 400,
            "detail": "The request is not valid; `errors` lists all errors.",
            "instance": "/dev/tasks",
            "requestId": "r-1",
            "errors": [{"pointer": "/title", "code": "required", "detail": "title is required"}],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn at_most_fifty_errors_are_listed_and_the_detail_counts_them_all() {
        let listed = |count: usize| {
            let errors = vec![FieldError::new("/x", "unknown", "x"); count];
            let response = Problem::from(Error::Invalid(errors)).into_response("", "/tasks", "r-1");
            let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
            (
                body["errors"].as_array().unwrap().len(),
                body["detail"].as_str().unwrap().contains(&count.to_string()),
            )
        };
        assert_eq!(listed(ERRORS_MAX), (ERRORS_MAX, false));
        assert_eq!(listed(ERRORS_MAX + 1), (ERRORS_MAX, true));
        assert_eq!(listed(9_000), (ERRORS_MAX, true));
    }
}
