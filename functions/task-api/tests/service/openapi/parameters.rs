//! Path, query and header parameters.

use gateway::http::RequestHeader;
use serde_json::{Value, json};
use task_api::{api::Route, problem::kind};
use tasks::{
    input::{LIMIT_DEFAULT, LIMIT_MAX},
    task::{ASSIGNEE_MAX, Status},
};

use super::{
    Place,
    schemas::{self, TASK_ID},
};

const LIST: [&str; 8] = ["status", "assignee", "sort", "dueAfter", "dueBefore", "order", "limit", "cursor"];

/// The component of the header that reads and writes have by one name: a read ignores what a write refuses.
const IF_NONE_MATCH_OF_READS: &str = "If-None-Match-of-reads";
/// `*` or up to 50 entity tags, as `Preconditions` parses them.
const TAGS: &str = r#"^[ \t]*\*[ \t]*$|^[ \t,]*(W/)?"[^"]*"([ \t]*,[ \t,]*(W/)?"[^"]*"){0,49}[ \t,]*$"#;

/// Returns every parameter.
pub fn all() -> Value {
    let mut all = json!({
        "id": {
            "name": "id", "in": "path", "required": true, "description": "The task's id", "example": TASK_ID,
            "schema": {"type": "string"},
        },
        "name": {
            "name": "name", "in": "path", "required": true, "description": "The last part of a problem's `type`",
            "example": kind::NOT_FOUND.name,
            "schema": {"type": "string", "enum": kind::ALL.iter().map(|kind| kind.name).collect::<Vec<_>>()},
        },
        "status": query("Only tasks with this status; not together with `assignee` or `sort`", &json!("PENDING"), &json!({"type": "string", "enum": Status::ALL})),
        "assignee": query("Only tasks of this assignee, compared whole and in its case; not together with `status` or `sort`", &json!("ann@team.example"),
            &json!({"type": "string", "minLength": 1, "maxLength": ASSIGNEE_MAX})),
        "sort": query("Only open tasks (`PENDING`, `IN_PROGRESS`) that have a due date, by due date; without it, by the time of creation", &json!("dueAt"),
            &json!({"type": "string", "enum": ["dueAt"]})),
        "dueAfter": query("With `sort=dueAt`: due at this time or later", &json!("2026-12-01T00:00:00Z"), &json!({"type": "string", "format": "date-time"})),
        "dueBefore": query("With `sort=dueAt`: due before this time, which is later than `dueAfter`", &json!("2027-01-01T00:00:00Z"),
            &json!({"type": "string", "format": "date-time"})),
        "order": query("`desc`, the newest first, by default; with `sort=dueAt` it is `asc`, the soonest first", &json!("desc"),
            &json!({"type": "string", "enum": ["asc", "desc"]})),
        "limit": query("The most tasks in a page; a larger number means the maximum", &json!(LIMIT_DEFAULT),
            &json!({"type": "integer", "minimum": 1, "default": LIMIT_DEFAULT, "description": format!("{LIMIT_MAX} at most")})),
        "cursor": query("Continues a list: the `nextCursor` of the page before, with the same filter and order", &json!("AQIDBAUGBwgJ"), &json!({"type": "string", "pattern": schemas::BASE64URL})),
    });
    for name in LIST {
        all[name]["name"] = json!(name);
    }
    for header in RequestHeader::ALL {
        if let Some(parameter) = header_parameter(header) {
            all[header.name()] = parameter;
        }
    }
    all[IF_NONE_MATCH_OF_READS] = json!({
        "name": RequestHeader::IfNoneMatch.name(), "in": "header", "example": "\"3\"", "schema": {"type": "string"},
        "description": "`*`, or tags: the answer is 304 if the version of the task (or page) is one of them. Anything else is ignored",
    });
    all
}

fn query(description: &str, example: &Value, schema: &Value) -> Value {
    json!({"in": "query", "description": description, "example": example, "schema": schema})
}

/// OpenAPI says `Accept` and `Content-Type` by media types; browsers set `Origin`.
fn header_parameter(header: RequestHeader) -> Option<Value> {
    let (description, example, schema) = match header {
        RequestHeader::Accept | RequestHeader::ContentType | RequestHeader::Origin => return None,
        RequestHeader::IdempotencyKey => (
            "The same key with the same body within 24 hours makes one task, and gives the same answer again",
            "5f0c6a1e-order-17",
            json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}),
        ),
        RequestHeader::IfMatch => (
            "`*`, or up to 50 tags: the write is carried out only if the task's version is one of them",
            "\"3\"",
            json!({"type": "string", "pattern": TAGS}),
        ),
        RequestHeader::IfNoneMatch => (
            "`*`, or up to 50 tags: the write is answered 412 if the task's version is one of them",
            "\"3\"",
            json!({"type": "string", "pattern": TAGS}),
        ),
    };
    Some(
        json!({"name": header.name(), "in": "header", "description": description, "example": example, "schema": schema}),
    )
}

/// The placeholders of a path.
pub fn of_path(place: Place) -> Vec<Value> {
    match place {
        Place::Service(Route::Task(_)) => vec![reference("id")],
        Place::ProblemPage => vec![reference("name")],
        Place::Service(Route::Health | Route::Me | Route::Tasks | Route::Unknown) => {
            vec![]
        }
    }
}

/// The query and header parameters of an operation.
pub fn of_operation(place: Place, method: &str) -> Vec<Value> {
    let names: &[&str] = match (place, method) {
        (Place::Service(Route::Tasks), "GET" | "HEAD") => &LIST,
        (Place::Service(Route::Tasks), "POST") => &["Idempotency-Key"],
        (Place::Service(Route::Task(_)) | Place::ProblemPage, "GET" | "HEAD") => &[IF_NONE_MATCH_OF_READS],
        (Place::Service(Route::Task(_)), "PUT" | "PATCH" | "DELETE") => &["If-Match", "If-None-Match"],
        _ => &[],
    };
    names.iter().map(|name| reference(name)).collect()
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}
