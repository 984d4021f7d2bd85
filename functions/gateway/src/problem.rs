//! The form of a problem: `application/problem+json` (RFC 9457).

use serde::Serialize;
use tasks::error::FieldError;

use crate::http::Response;

/// A problem in a request.
#[derive(Debug)]
pub struct Details<'a> {
    /// The last segment of `type`.
    pub name: &'a str,
    pub title: &'a str,
    pub status: u16,
    pub detail: &'a str,
    pub errors: &'a [FieldError],
}

impl Details<'_> {
    /// Returns the response. `base` is the path of the API's root, below which the kinds have their pages.
    #[must_use]
    pub fn response(&self, base: &str, instance: &str, request_id: &str) -> Response {
        let body = Body {
            reference: reference(base, self.name),
            title: self.title,
            status: self.status,
            detail: self.detail,
            instance,
            request_id,
            errors: self.errors,
        };
        Response::json(self.status, &body).with_header("Content-Type", "application/problem+json")
    }
}

/// Returns the `type` of the kind of this name, which is also the path of its page.
#[must_use]
pub fn reference(base: &str, name: &str) -> String {
    format!("{base}/problems/{name}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(rename = "type")]
    reference: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}
