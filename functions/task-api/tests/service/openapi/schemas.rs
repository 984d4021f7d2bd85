//! The bodies.

use serde_json::{Map, Value, json};
use task_api::problem::kind;
use tasks::{
    item::Field,
    principal::{Auth, Scope},
    task::{ASSIGNEE_MAX, DESCRIPTION_MAX, Priority, Stated, Status, TITLE_MAX},
};

pub const TASK_ID: &str = "019aa0b1-2c3d-7e4f-8a5b-6c7d8e9f0a1b";

/// The alphabet of a cursor.
pub const BASE64URL: &str = "^[A-Za-z0-9_-]+$";

/// Returns every schema.
pub fn all() -> Value {
    json!({
        "Task": task(),
        "TaskList": task_list(),
        "NewTask": new_task(),
        "TaskChange": change("PUT: the fields sent are changed, the others kept.", false),
        "TaskPatch": change("A JSON merge patch (RFC 7396): `null` clears `dueAt` and `assignee`, and empties `description`.", true),
        "Problem": problem(),
        "ProblemKind": problem_kind(),
        "Health": health(),
        "Caller": caller(),
    })
}

/// A reference to one of them.
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The field, as a client may send it; `null` where that clears it.
fn field(field: Field) -> Value {
    match field {
        Field::Title => json!({
            "type": "string", "minLength": 1, "maxLength": TITLE_MAX, "examples": ["Write the report"],
            "description": "Trimmed; no control characters, and at least one that can be seen",
        }),
        Field::Description => json!({
            "type": "string", "maxLength": DESCRIPTION_MAX, "examples": ["For the board, ten pages at most"],
            "description": "Free text; empty by default",
        }),
        Field::Status => json!({
            "type": "string", "enum": Status::ALL, "examples": ["PENDING"],
            "description": "Any status may become any other, except that `CANCELLED` is final; `PENDING` by default",
        }),
        Field::Priority => json!({
            "type": "string", "enum": Priority::ALL, "examples": ["NORMAL"], "description": "`NORMAL` by default",
        }),
        Field::DueAt => json!({
            "type": ["string", "null"], "format": "date-time", "examples": ["2026-12-24T17:00:00.000Z"],
            "description": "RFC 3339 with any offset; answered in UTC with milliseconds",
        }),
        Field::Assignee => json!({
            "type": ["string", "null"], "minLength": 1, "maxLength": ASSIGNEE_MAX, "examples": ["ann@team.example"],
            "description": "Whoever is to do it; by the rules of `title`",
        }),
    }
}

fn fields() -> Map<String, Value> {
    Field::ALL.into_iter().map(|each| (each.name().to_owned(), field(each))).collect()
}

/// The members that only the service sets.
fn members() -> Map<String, Value> {
    let time = |description| {
        json!({"type": "string", "format": "date-time", "readOnly": true,
        "examples": ["2026-11-28T09:30:00.000Z"], "description": description})
    };
    let name = |description| json!({"type": "string", "readOnly": true, "examples": ["alice"], "description": description});
    let members = [
        (
            "id",
            json!({"type": "string", "format": "uuid", "readOnly": true, "examples": [TASK_ID],
            "description": "UUIDv7: ids sort by the time of creation"}),
        ),
        (
            "version",
            json!({"type": "integer", "minimum": 1, "readOnly": true, "examples": [1],
            "description": "1 on create, +1 with every change; the `ETag` is `\"<version>\"`"}),
        ),
        ("createdAt", time("The time of creation, in UTC")),
        ("updatedAt", time("The time of the last change, in UTC")),
        ("createdBy", name("The id of the principal that created the task")),
        ("updatedBy", name("The id of the principal that changed it last")),
    ];
    assert!(members.iter().all(|(name, _)| Stated::is_read_only(name)));
    assert_eq!(members.len(), Stated::default().members().len() + 1, "and the id");
    members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn task() -> Value {
    let mut properties = members();
    properties.extend(fields());
    let required: Vec<_> = properties.keys().cloned().collect();
    json!({
        "type": "object", "description": "A task", "additionalProperties": false, "required": required,
        "properties": properties,
    })
}

/// A task whose every member is its schema's example.
pub fn example_task() -> Value {
    let mut properties = members();
    properties.extend(fields());
    properties.into_iter().map(|(name, schema)| (name, schema["examples"][0].clone())).collect()
}

fn task_list() -> Value {
    json!({
        "type": "object", "description": "A page of tasks", "additionalProperties": false, "required": ["items"],
        "properties": {
            "items": {"type": "array", "maxItems": 100, "items": reference("Task"), "description": "In the order asked for"},
            "nextCursor": {"type": "string", "pattern": BASE64URL, "examples": ["AQIDBAUGBwgJ"],
                "description": "Continues the list. There may be more; without it there is no more"},
        },
    })
}

fn new_task() -> Value {
    json!({
        "type": "object", "description": "What a task begins with", "additionalProperties": false, "required": ["title"],
        "properties": fields(),
    })
}

/// `resets`: null empties what is not itself nullable.
fn change(description: &str, resets: bool) -> Value {
    let mut properties = members();
    properties.values_mut().for_each(|schema| {
        // Sent back as read: it has to be what the task has.
        schema.as_object_mut().unwrap().remove("readOnly");
    });
    properties.extend(fields());
    if resets {
        properties["description"]["type"] = json!(["string", "null"]);
    }
    json!({
        "type": "object", "additionalProperties": false, "properties": properties,
        "description": format!("{description} The members that only the service sets may be repeated as they were read."),
    })
}

fn problem() -> Value {
    let kinds = kind::ALL.iter().map(|kind| format!("`{}`", kind.name)).collect::<Vec<_>>().join(", ");
    json!({
        "type": "object", "description": "A problem (RFC 9457)",
        "required": ["type", "title", "detail", "instance", "requestId"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "examples": ["/dev/problems/not-found"],
                "description": format!("Leads to a page about this kind of problem. Its last part is stable: {kinds}")},
            "title": {"type": "string", "examples": ["Not found"], "description": "The kind in words"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "examples": [404],
                "description": "The HTTP status; missing where the gateway chooses it"},
            "detail": {"type": "string", "examples": ["There is no such task."], "description": "For people"},
            "instance": {"type": "string", "format": "uri-reference", "examples": [format!("/dev/tasks/{TASK_ID}")],
                "description": "The request's path, or `/requests/<requestId>`"},
            "requestId": {"type": "string", "examples": ["8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60"],
                "description": "Quote it when you report the problem"},
            "errors": {"type": "array", "minItems": 1, "maxItems": 50, "items": field_error(),
                "description": "Every place that is wrong, the first 50 of them"},
        },
    })
}

fn field_error() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["pointer", "code", "detail"],
        "properties": {
            "pointer": {"type": "string", "examples": ["/title"],
                "description": "A JSON Pointer into the body (empty: the body itself), `?name` of a parameter, or a header's name"},
            "code": {"type": "string", "examples": ["required"],
                "enum": ["required", "unknown", "duplicate", "read-only", "type", "value", "syntax"],
                "description": "For programs"},
            "detail": {"type": "string", "examples": ["title is required"], "description": "For people"},
        },
    })
}

fn problem_kind() -> Value {
    let text = |example: &str, description: &str| json!({"type": "string", "examples": [example], "description": description});
    json!({
        "type": "object", "description": "The page of a kind of problem", "additionalProperties": false,
        "required": ["type", "title", "status", "meaning", "advice"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "examples": ["/dev/problems/not-found"], "description": "This page"},
            "title": text("Not found", "The kind in words"),
            "status": {"type": "integer", "examples": [404], "description": "The HTTP status"},
            "meaning": text("There is nothing at this path, or no such task.", "The meaning of the answer"),
            "advice": text("Check the path and the id.", "The next step"),
        },
    })
}

fn health() -> Value {
    json!({
        "type": "object", "description": "The service answers", "additionalProperties": false, "required": ["status", "version"],
        "properties": {
            "status": {"type": "string", "const": "ok", "examples": ["ok"], "description": "Always `ok`"},
            "version": {"type": "string", "examples": [env!("CARGO_PKG_VERSION")], "description": "The service's version"},
        },
    })
}

fn caller() -> Value {
    json!({
        "type": "object", "description": "The caller, as the service knows it", "additionalProperties": false,
        "required": ["id", "owner", "scopes", "auth", "expiresAt"],
        "properties": {
            "id": {"type": "string", "examples": ["alice"], "description": "In `createdBy`, `updatedBy` and the audit log"},
            "owner": {"type": "string", "examples": ["team-a"], "description": "Whose tasks you see; several callers may share one"},
            "scopes": {"type": "array", "items": {"type": "string", "enum": Scope::ALL}, "uniqueItems": true,
                "examples": [Scope::ALL], "description": "What you may do"},
            "auth": {"type": "string", "enum": Auth::ALL, "examples": [Auth::Token], "description": "The sort of token"},
            "expiresAt": {"type": ["string", "null"], "format": "date-time", "examples": ["2026-12-24T17:00:00.000Z"],
                "description": "From then on the token is refused; null: it does not end"},
        },
    })
}
