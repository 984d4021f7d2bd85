//! Answers: what succeeds, which problems there may be, and the headers of both.

use std::collections::BTreeMap;

use gateway::edge::EXPOSED_HEADERS;
use serde_json::{Map, Value, json};
use task_api::problem::kind::{self, Kind};

use super::{
    operations::Access,
    schemas::{TASK_ID, reference},
};

/// The headers that every answer has.
const EVERYWHERE: [&str; 2] = ["X-Request-Id", "RateLimit-Policy"];

/// A successful answer.
pub struct Success {
    status: u16,
    description: &'static str,
    headers: &'static [&'static str],
    body: Option<(&'static str, Value)>,
    is_page: bool,
}

impl Success {
    pub fn new(status: u16, description: &'static str) -> Self {
        Self { status, description, headers: &[], body: None, is_page: false }
    }

    pub fn with_headers(self, headers: &'static [&'static str]) -> Self {
        Self { headers, ..self }
    }

    pub fn with_body(self, schema: &'static str, example: Value) -> Self {
        Self { body: Some((schema, example)), ..self }
    }

    /// A body that may also be had as HTML.
    pub fn with_page(self, schema: &'static str, example: Value) -> Self {
        Self { is_page: true, ..self.with_body(schema, example) }
    }

    fn response(self, method: &str) -> Value {
        let mut response = json!({"description": self.description, "headers": referenced(self.headers)});
        if let Some((schema, example)) = self.body.filter(|_| method != "HEAD") {
            response["content"] =
                json!({"application/json": {"schema": reference(schema), "example": example}});
            if self.is_page {
                response["content"]["text/html"] =
                    json!({"schema": {"type": "string"}, "example": "<!DOCTYPE html>…"});
            }
        }
        response
    }
}

/// Returns the responses object.
pub fn all(method: &str, success: Vec<Success>, access: Access, problems: &[&'static Kind]) -> Value {
    let mut all = Map::new();
    for success in success {
        all.insert(success.status.to_string(), success.response(method));
    }
    let mut by_status = BTreeMap::<u16, Vec<&'static Kind>>::new();
    for kind in common(access).into_iter().chain(problems.iter().copied()) {
        by_status.entry(kind.status).or_default().push(kind);
    }
    for (status, kinds) in by_status {
        all.insert(status.to_string(), problem_response(method, &kinds));
    }
    Value::Object(all)
}

/// The problems that every operation may have, and those that come with a token.
fn common(access: Access) -> Vec<&'static Kind> {
    let mut common = vec![
        &kind::INVALID_REQUEST,
        &kind::TOO_MANY_REQUESTS,
        &kind::INTERNAL,
        &kind::UNAVAILABLE,
        &kind::TIMEOUT,
    ];
    match access {
        Access::Anyone => {}
        Access::AnyToken => common.push(&kind::UNAUTHORIZED),
        Access::TokenWith(_) => common.extend([&kind::UNAUTHORIZED, &kind::FORBIDDEN]),
    }
    common
}

fn problem_response(method: &str, kinds: &[&'static Kind]) -> Value {
    let meanings: Vec<_> = kinds.iter().map(|kind| format!("`{}`: {}", kind.name, kind.meaning)).collect();
    let mut headers: Vec<_> = kinds.iter().flat_map(|kind| headers_of(method, kind)).copied().collect();
    headers.dedup();
    let mut response = json!({"description": meanings.join("\n\n"), "headers": referenced(&headers)});
    if method != "HEAD" {
        let examples: Map<_, _> = kinds
            .iter()
            .map(|kind| (kind.name.to_owned(), json!({"summary": kind.title, "value": example(kind)})))
            .collect();
        response["content"] =
            json!({"application/problem+json": {"schema": reference("Problem"), "examples": examples}});
    }
    response
}

/// The headers that a problem may bring.
fn headers_of(method: &str, kind: &Kind) -> &'static [&'static str] {
    match (kind.status, method) {
        (401, _) => &["WWW-Authenticate", "X-Amzn-Remapped-WWW-Authenticate"],
        (403, _) => &["X-Amzn-Remapped-WWW-Authenticate"],
        (412, _) => &["ETag"],
        (415, "POST") => &["Accept-Post"],
        (415, "PATCH") => &["Accept-Patch"],
        (429 | 503, _) => &["Retry-After"],
        _ if kind == &kind::TIMEOUT => &["Retry-After"],
        _ => &[],
    }
}

fn example(kind: &Kind) -> Value {
    let mut example = json!({
        "type": format!("/dev/problems/{}", kind.name), "title": kind.title, "status": kind.status,
        "detail": kind.meaning, "instance": format!("/dev/tasks/{TASK_ID}"),
        "requestId": "8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60",
    });
    if kind == &kind::INVALID_REQUEST {
        example["errors"] = json!([{"pointer": "/title", "code": "required", "detail": "title is required"}]);
    }
    example
}

fn referenced(names: &[&str]) -> Map<String, Value> {
    let names = EVERYWHERE.iter().chain(names);
    names.map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}))).collect()
}

/// Returns a header object for each that scripts may read; `Allow` comes with a method that has no operation.
pub fn headers() -> Map<String, Value> {
    EXPOSED_HEADERS
        .split(", ")
        .filter(|name| *name != "Allow")
        .map(|name| (name.to_owned(), header(name)))
        .collect()
}

fn header(name: &str) -> Value {
    let (description, example) = match name {
        "Accept-Patch" => {
            ("The media types that a PATCH may have", json!("application/merge-patch+json, application/json"))
        }
        "Accept-Post" => ("The media types that a POST may have", json!("application/json")),
        "ETag" => ("The task's version; of a page, a weak tag of its content", json!("\"3\"")),
        "Idempotent-Replayed" => ("`true` where an earlier request used the key", json!("true")),
        "Link" => (
            "The next page (RFC 8288)",
            json!("</dev/tasks?order=desc&limit=50&cursor=AQIDBAUGBwgJ>; rel=\"next\""),
        ),
        "Location" => ("The task's path", json!(format!("/dev/tasks/{TASK_ID}"))),
        "RateLimit-Policy" => {
            ("The requests per second that all callers together may make", json!("\"default\";q=500;w=1"))
        }
        "Retry-After" => ("Seconds to wait; not with `outcome-unknown`", json!("1")),
        "WWW-Authenticate" => {
            ("From the gateway: the scheme to use (RFC 6750)", json!("Bearer error=\"invalid_token\""))
        }
        "X-Amzn-Remapped-WWW-Authenticate" => (
            "`WWW-Authenticate` of the service, as the gateway renames it: what is wrong with the token (RFC 6750)",
            json!("Bearer error=\"insufficient_scope\", scope=\"tasks:write\""),
        ),
        "X-Request-Id" => (
            "The request's id, in every log and audit record of it",
            json!("8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60"),
        ),
        _ => panic!("{name} has no description"),
    };
    let mut header = json!({"description": description, "schema": {"type": "string"}, "example": example});
    // The others depend on more than the status.
    if EVERYWHERE.contains(&name) || matches!(name, "ETag" | "Location") {
        header["required"] = json!(true);
    }
    header
}
