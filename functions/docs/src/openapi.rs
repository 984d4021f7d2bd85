//! `/openapi.json`: the API for programs.

use gateway::http::Response;
use serde_json::{Value, json};

/// Written by a test of the task function. Its `servers` is a template, since the file belongs to no deployment.
const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// Returns the document of the API below `base`. `servers` names that path, which is relative to the place that the document
/// comes from (OpenAPI 3.1, "Server Object"): the same stage or custom domain.
///
/// # Panics
///
/// Never: the text is part of the binary, and a test reads it.
#[must_use]
#[allow(clippy::expect_used, reason = "a constant that a test reads")]
pub fn document(base: &str) -> Response {
    let mut document: Value = serde_json::from_str(DOCUMENT).expect("docs/openapi.json is JSON");
    let url = if base.is_empty() { "/" } else { base };
    document["servers"] = json!([{"url": url, "description": "The deployment that serves this document"}]);
    Response::json(200, &document).with_header("Cache-Control", "no-cache")
}
