//! Every kind of problem that the service or its gateway reports: the one table behind `type` and the pages that it leads to.
//! The gateway's own responses take their titles from it through `api.json`.

use serde::Serialize;

/// A kind of problem (RFC 9457), with the text of its page.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// The last segment of `type`.
    #[serde(skip)]
    pub name: &'static str,
    pub title: &'static str,
    pub status: u16,
    pub meaning: &'static str,
    pub advice: &'static str,
}

/// Defines each kind, and `ALL` of them.
macro_rules! kinds {
    ($($constant:ident: $status:literal $name:literal $title:literal, $meaning:literal, $advice:literal;)+) => {
        $(pub static $constant: Kind =
            Kind { name: $name, title: $title, status: $status, meaning: $meaning, advice: $advice };)+
        pub static ALL: &[&Kind] = &[$(&$constant),+];
    };
}

kinds! {
    INVALID_REQUEST: 400 "invalid-request" "Invalid request",
        "The body, the query string or a header is not valid. Nothing was changed.",
        "Read errors: each entry has a pointer to the place, a code for programs and a sentence for people. \
         Fix them all and send the request again.";
    INVALID_CURSOR: 400 "invalid-cursor" "Invalid cursor",
        "The cursor is malformed, or it was made for a list with another filter, order or owner.",
        "Start the list over without a cursor, and keep the other parameters the same from page to page.";
    UNAUTHORIZED: 401 "unauthorized" "Unauthorized",
        "The Authorization header is missing, or its token is unknown or no longer valid.",
        "Send Authorization: Bearer, followed by a token of this service.";
    FORBIDDEN: 403 "forbidden" "Forbidden",
        "The token is valid, but it does not have the scope for this call.",
        "Use a token with the scope tasks:read for reads or tasks:write for writes.";
    NOT_FOUND: 404 "not-found" "Not found",
        "There is nothing at this path, or no such task: it never existed, was deleted, or belongs to another owner.",
        "Check the path and the id. Paths have no trailing slash.";
    METHOD_NOT_ALLOWED: 405 "method-not-allowed" "Method not allowed",
        "The path exists, but it does not support this method.",
        "Use one of the methods in the Allow header.";
    INVALID_TRANSITION: 409 "invalid-transition" "Invalid transition",
        "The task cannot move from its status to the one requested: CANCELLED is final.",
        "Read the task again. Create a new task instead of reviving a cancelled one.";
    PRECONDITION_FAILED: 412 "precondition-failed" "Precondition failed",
        "The task is at a version that If-Match or If-None-Match rules out. Nothing was changed.",
        "Read the task again, apply the change to its current state, and send it with the new ETag.";
    PAYLOAD_TOO_LARGE: 413 "payload-too-large" "Payload too large",
        "The body is larger than the API accepts.",
        "Send at most 65,536 bytes. Every valid task fits.";
    UNSUPPORTED_MEDIA_TYPE: 415 "unsupported-media-type" "Unsupported media type",
        "The body is of a type, or in a content coding, that the API does not read.",
        "Send JSON with Content-Type: application/json, or application/merge-patch+json in a PATCH, and no \
         Content-Encoding but gzip or deflate.";
    IDEMPOTENCY_MISMATCH: 422 "idempotency-mismatch" "Idempotency mismatch",
        "The Idempotency-Key was used with a different body in the last 24 hours.",
        "Repeat the first body to get its response again, or use a new key for a new task.";
    TOO_MANY_REQUESTS: 429 "too-many-requests" "Too many requests",
        "The API receives more requests than it allows. Nothing was changed.",
        "Wait for the number of seconds in Retry-After, then send the request again, at a lower rate. RateLimit-Policy \
         says how many requests per second all callers together may make.";
    INTERNAL: 500 "internal" "Internal error",
        "Something went wrong inside the service. A write may or may not have taken effect.",
        "Read the task before you write again. If it keeps happening, report the requestId.";
    UNAVAILABLE: 503 "unavailable" "Service unavailable",
        "The service is busy or cannot be reached. Nothing was changed.",
        "Wait for the number of seconds in Retry-After, then send the request again.";
    OUTCOME_UNKNOWN: 504 "outcome-unknown" "Outcome unknown",
        "The table did not say whether the write took effect: it may or may not have.",
        "Read the task before you write again. A change whose If-Match names one version, and a create with an \
         Idempotency-Key, can be sent again as they are: they cannot take effect twice.";
    TIMEOUT: 504 "timeout" "Gateway timeout",
        "The service did not answer in time. A write may or may not have taken effect.",
        "Read the task before you write again. A change whose If-Match names one version, and a create with an \
         Idempotency-Key, can be sent again as they are: they cannot take effect twice.";
}

impl Kind {
    /// Returns the kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|kind| kind.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::BODY_MAX, store::KEY_HOURS};

    #[test]
    fn the_pages_state_the_limits_that_hold() {
        assert_eq!(BODY_MAX, 65_536);
        assert!(PAYLOAD_TOO_LARGE.advice.contains("65,536 bytes"));
        assert!(IDEMPOTENCY_MISMATCH.meaning.contains(&format!("the last {KEY_HOURS} hours")));
    }
}
