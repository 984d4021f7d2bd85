//! Everything that can go wrong with a request, independent of HTTP: the task function maps each error to a status.

use std::error::Error as StdError;

use serde::Serialize;

use crate::{principal::Scope, task::Status};

/// One error in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The place: a JSON Pointer (RFC 6901) into the body (`/title`; empty for the body itself), `?name` for a query
    /// parameter, or a header's name.
    pub pointer: String,
    /// A stable code for programs: `required`, `unknown`, `duplicate`, `read-only`, `type`, `value`, `syntax`.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
}

impl FieldError {
    #[must_use]
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }

    /// Reports a member that only the service sets and whose stated value is not the task's.
    #[must_use]
    pub fn read_only(member: &str) -> Self {
        let detail =
            "the service sets this field; leave it out, or send the task's current value in a PUT or PATCH";
        Self::new(format!("/{member}"), "read-only", detail)
    }
}

/// The failure of a request. The boxed sources are for the log: they never reach a client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the request is invalid in {} places", .0.len())]
    Invalid(Vec<FieldError>),
    #[error("the cursor is malformed or belongs to another query")]
    InvalidCursor,
    #[error("no such task")]
    NotFound,
    #[error("the task is at version {current}")]
    Stale { current: u64 },
    #[error("a task cannot move from {from:?} to {to:?}")]
    InvalidTransition { from: Status, to: Status },
    #[error("the idempotency key was used with a different body")]
    IdempotencyMismatch,
    #[error("the principal lacks the scope {}", .needed.as_str())]
    Forbidden { needed: Scope },
    /// The token ended after the gateway had cached its principal.
    #[error("the token has expired")]
    Expired,
    /// A write got no response, and it is unknown whether it was applied.
    #[error("the outcome of the write is unknown")]
    OutcomeUnknown(#[source] Box<dyn StdError + Send + Sync>),
    /// The table throttles, times out or cannot be reached. A write certainly had no effect, and a retry may succeed.
    #[error("the table is unavailable")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    #[error("internal error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}
