//! The operations: the sentences about each route and method.

use serde_json::{Value, json};
use task_api::{
    api::Route,
    problem::kind::{self, Kind},
};
use tasks::principal::{Auth, Scope};

use super::{
    Place, parameters,
    responses::{self, Success},
    schemas::{self, reference},
};

/// An operation in words; the rest follows from route and method.
struct Operation {
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    body: Option<Value>,
    success: Vec<Success>,
    /// Beside those that every operation of its sort may have.
    problems: Vec<&'static Kind>,
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Anyone,
    AnyToken,
    TokenWith(Scope),
}

impl Access {
    fn to(place: Place, method: &str) -> Self {
        match place {
            Place::Service(Route::Tasks | Route::Task(_)) => {
                Scope::needed_for(method).map_or(Self::AnyToken, Self::TokenWith)
            }
            Place::Service(Route::Me) => Self::AnyToken,
            Place::Service(Route::Health | Route::Unknown) | Place::ProblemPage => Self::Anyone,
        }
    }
}

/// Returns the operation object.
pub fn operation(place: Place, method: &str) -> Value {
    let Operation { id, summary, description, body, success, problems } = words(place, method);
    let access = Access::to(place, method);
    let tag =
        if matches!(place, Place::Service(Route::Tasks | Route::Task(_))) { "Tasks" } else { "Service" };
    let mut operation = json!({
        "operationId": id, "summary": summary, "tags": [tag],
        "responses": responses::all(method, success, access, &problems),
    });
    operation["description"] = match access {
        Access::TokenWith(scope) => json!(format!("{description}\n\nNeeds the scope `{}`.", scope.as_str())),
        Access::AnyToken => json!(format!("{description}\n\nNeeds a token, whatever its scopes.")),
        Access::Anyone => json!(description),
    };
    operation["security"] = match access {
        // The role that the token needs (OpenAPI 3.1, "Security Requirement Object").
        Access::TokenWith(scope) => json!([{"token": [scope.as_str()]}]),
        Access::AnyToken => json!([{"token": []}]),
        Access::Anyone => json!([]),
    };
    let parameters = parameters::of_operation(place, method);
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Some(body) = body {
        operation["requestBody"] = body;
    }
    operation
}

fn words(place: Place, method: &str) -> Operation {
    match (place, method) {
        (Place::Service(Route::Tasks), "POST") => create(),
        (Place::Service(Route::Tasks), _) => list(method),
        (Place::Service(Route::Task(_)), "GET" | "HEAD") => read(method),
        (Place::Service(Route::Task(_)), "PUT") => put(),
        (Place::Service(Route::Task(_)), "PATCH") => patch(),
        (Place::Service(Route::Task(_)), _) => delete(),
        (Place::Service(Route::Me), _) => me(method),
        (Place::Service(Route::Health), _) => health(method),
        (Place::ProblemPage, _) => problem(method),
        (Place::Service(Route::Unknown), _) => unreachable!("an unknown path has no operation"),
    }
}

fn head(method: &str, get: &'static str, head: &'static str) -> &'static str {
    if method == "HEAD" { head } else { get }
}

fn create() -> Operation {
    Operation {
        id: "createTask",
        summary: "Create a task",
        description: "Only `title` is required. With an `Idempotency-Key` the request can be sent again as it is.",
        body: Some(body(
            &["application/json"],
            "NewTask",
            &json!({
                "short": {"summary": "A title is enough", "value": {"title": "Write the report"}},
                "full": {"summary": "Every field", "value": {
                    "title": "Write the report", "description": "For the board, ten pages at most", "status": "PENDING",
                    "priority": "HIGH", "dueAt": "2026-12-24T18:00:00+01:00", "assignee": "ann@team.example",
                }},
            }),
        )),
        success: vec![
            Success::new(
                201,
                "The task, as it was created; for a replay also when it was changed or deleted since",
            )
            .with_headers(&["Location", "ETag", "Idempotent-Replayed"])
            .with_body("Task", schemas::example_task()),
        ],
        problems: vec![
            &kind::PAYLOAD_TOO_LARGE,
            &kind::UNSUPPORTED_MEDIA_TYPE,
            &kind::IDEMPOTENCY_MISMATCH,
            &kind::OUTCOME_UNKNOWN,
        ],
    }
}

fn list(method: &str) -> Operation {
    Operation {
        id: head(method, "listTasks", "headTasks"),
        summary: head(method, "List tasks", "List tasks, headers only"),
        description: "Of the token's owner, a page at a time. Eventually consistent: a task just created may be missing for a moment.",
        body: None,
        success: vec![
            Success::new(200, "A page; it may be shorter than `limit` though more follows")
                .with_headers(&["Link"])
                .with_body(
                    "TaskList",
                    json!({"items": [schemas::example_task()], "nextCursor": "AQIDBAUGBwgJ"}),
                ),
        ],
        problems: vec![&kind::INVALID_CURSOR],
    }
}

fn read(method: &str) -> Operation {
    Operation {
        id: head(method, "getTask", "headTask"),
        summary: head(method, "Read a task", "Read a task, headers only"),
        description: "Strongly consistent.",
        body: None,
        success: vec![
            Success::new(200, "The task").with_headers(&["ETag"]).with_body("Task", schemas::example_task()),
            Success::new(304, "The task is at a version that `If-None-Match` names").with_headers(&["ETag"]),
        ],
        problems: vec![&kind::NOT_FOUND],
    }
}

fn changed() -> Vec<Success> {
    let text = "The task as it is now; a change of nothing leaves the version as it was";
    vec![Success::new(200, text).with_headers(&["ETag"]).with_body("Task", schemas::example_task())]
}

fn change_problems() -> Vec<&'static Kind> {
    vec![
        &kind::NOT_FOUND,
        &kind::INVALID_TRANSITION,
        &kind::PRECONDITION_FAILED,
        &kind::PAYLOAD_TOO_LARGE,
        &kind::UNSUPPORTED_MEDIA_TYPE,
        &kind::OUTCOME_UNKNOWN,
    ]
}

fn put() -> Operation {
    Operation {
        id: "updateTask",
        summary: "Change a task",
        description: "The fields sent are changed, the others kept. With `If-Match` and one tag the request can be sent again as it is.",
        body: Some(body(
            &["application/json"],
            "TaskChange",
            &json!({"status": {"summary": "Begin to work on it", "value": {"status": "IN_PROGRESS"}}}),
        )),
        success: changed(),
        problems: change_problems(),
    }
}

fn patch() -> Operation {
    Operation {
        id: "patchTask",
        summary: "Change a task with a merge patch",
        description: "As `PUT`, and `null` clears a field that may be empty (RFC 7396).",
        body: Some(body(
            &["application/merge-patch+json", "application/json"],
            "TaskPatch",
            &json!({"clear": {"summary": "Neither due nor assigned", "value": {"dueAt": null, "assignee": null}}}),
        )),
        success: changed(),
        problems: change_problems(),
    }
}

fn delete() -> Operation {
    Operation {
        id: "deleteTask",
        summary: "Delete a task",
        description: "The task is gone from the answer on.",
        body: None,
        success: vec![Success::new(204, "The task is deleted")],
        problems: vec![&kind::NOT_FOUND, &kind::PRECONDITION_FAILED, &kind::OUTCOME_UNKNOWN],
    }
}

fn me(method: &str) -> Operation {
    let caller = json!({
        "id": "alice", "owner": "team-a", "scopes": Scope::ALL, "auth": Auth::Token, "expiresAt": null,
    });
    Operation {
        id: head(method, "getMe", "headMe"),
        summary: head(method, "See who the token says you are", "See that the token is valid, headers only"),
        description: "The caller as the service knows it: id, owner, scopes, and when the token ends.",
        body: None,
        success: vec![Success::new(200, "The caller").with_body("Caller", caller)],
        problems: vec![],
    }
}

fn health(method: &str) -> Operation {
    Operation {
        id: head(method, "getHealth", "headHealth"),
        summary: head(method, "See that the service answers", "See that the service answers, headers only"),
        description: "Without a call to the database.",
        body: None,
        success: vec![
            Success::new(200, "The service answers")
                .with_body("Health", json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})),
        ],
        problems: vec![],
    }
}

fn problem(method: &str) -> Operation {
    let kind = &kind::NOT_FOUND;
    let page = json!({
        "type": format!("/dev/problems/{}", kind.name), "title": kind.title, "status": kind.status,
        "meaning": kind.meaning, "advice": kind.advice,
    });
    Operation {
        id: head(method, "getProblem", "headProblem"),
        summary: head(method, "Read about a kind of problem", "Read about a kind of problem, headers only"),
        description: "HTML where `Accept` ranks it above JSON, as browsers do. May be cached for an hour.",
        body: None,
        success: vec![
            Success::new(200, "The meaning of the problem, and the next step")
                .with_headers(&["ETag"])
                .with_page("ProblemKind", page),
            Success::new(304, "The page is the one that `If-None-Match` names").with_headers(&["ETag"]),
        ],
        problems: vec![&kind::NOT_FOUND],
    }
}

fn body(media_types: &[&str], schema: &str, examples: &Value) -> Value {
    let media = |media_type: &&str| {
        ((*media_type).to_owned(), json!({"schema": reference(schema), "examples": examples}))
    };
    let content: serde_json::Map<_, _> = media_types.iter().map(media).collect();
    json!({"required": true, "content": content, "description": "At most 64 KiB of UTF-8"})
}
