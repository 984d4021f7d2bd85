//! `docs/openapi.json`: the API for programs, made of the code's own tables.
//!
//! Paths, methods, scopes, fields, problems and headers come from the code; the sentences are written here. What the code has
//! and this module lacks does not compile or fails below.

mod operations;
mod parameters;
mod responses;
mod schemas;

use std::{env, fs, path::Path};

use serde_json::{Map, Value, json};
use task_api::api::Route;

/// Every path, with its placeholder where a client puts an id or a name.
const PLACES: [Place; 5] = [
    Place::Service(Route::Tasks),
    Place::Service(Route::Task("{id}")),
    Place::Service(Route::Me),
    Place::Service(Route::Health),
    Place::ProblemPage,
];

/// A path of the API: this function's, or the page of a kind of problem, which the docs function serves.
#[derive(Clone, Copy)]
enum Place {
    Service(Route<'static>),
    ProblemPage,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Service(route) => route.name(),
            Self::ProblemPage => "/problems/{name}",
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Self::Service(route) => route.allow(),
            Self::ProblemPage => "GET, HEAD, OPTIONS",
        }
    }
}

const DESCRIPTION: &str = "\
Tasks over HTTPS. Every task belongs to an owner, which the token names; another owner's task does not exist for you.

- **Versions.** `ETag` is the task's version. `If-Match` makes a write conditional, and safe to send again.
- **Creates.** With an `Idempotency-Key`, the same body within 24 hours makes one task however often it is sent.
- **Lists.** Follow `nextCursor`, or `Link`, until there is none.
- **Failures.** Problem details (RFC 9457); the `type` of each leads to a page that says what to do.
- **Sending again.** 429 and 503 had no effect: wait for `Retry-After` and send again. After 504 or a broken connection read the task first.";

/// Returns the document.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Task service", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{
            "url": "https://{api}.execute-api.{region}.amazonaws.com/{stage}",
            "description": "A deployed stage; `cargo xtask up` prints the URL of a local one",
            "variables": {
                "api": {"default": "abcdef1234", "description": "The id of the REST API"},
                "region": {"default": "eu-west-1", "description": "The AWS region"},
                "stage": {"default": "dev", "description": "The stage"},
            },
        }],
        "security": [{"token": []}],
        "tags": [
            {"name": "Tasks", "description": "Create, read, change and delete tasks"},
            {"name": "Service", "description": "About the service, and about you"},
        ],
        "paths": paths(),
        "components": {
            "schemas": schemas::all(),
            "parameters": parameters::all(),
            "headers": responses::headers(),
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "A token of the service. The bare token, without `Bearer`, is accepted too.",
                },
            },
        },
    })
}

fn paths() -> Map<String, Value> {
    PLACES.into_iter().map(|place| (place.name().to_owned(), path(place))).collect()
}

fn path(place: Place) -> Value {
    let mut item = json!({});
    let parameters = parameters::of_path(place);
    if !parameters.is_empty() {
        item["parameters"] = json!(parameters);
    }
    // The gateway answers OPTIONS; what it says is CORS's own (docs/api.md).
    for method in place.allow().split(", ").filter(|method| *method != "OPTIONS") {
        item[method.to_lowercase()] = operations::operation(place, method);
    }
    item
}

/// `REFRESH=1 cargo test --workspace --test service` writes it.
#[test]
fn the_snapshot_is_the_document() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let document = document();
    if env::var_os("REFRESH").is_some() {
        fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&document).unwrap())).unwrap();
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert!(written == document, "docs/openapi.json is old: REFRESH=1 cargo test --workspace --test service");
}

/// A route's name leads the router back to it. (A new route does not compile until the modules above describe it.)
#[test]
fn every_route_of_the_document_is_found_under_its_name() {
    for place in PLACES {
        if let Place::Service(route) = place {
            assert_eq!(Route::of(&route.name()[1..]), route);
        }
    }
}

/// Each operation with a token says 401, and 403 unless any token will do; those without say neither.
#[test]
fn every_operation_has_an_unauthorized_and_a_forbidden_case() {
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
        {
            let is_open = operation["security"] == json!([]);
            for (status, never) in [("401", is_open), ("403", is_open || path == "/me")] {
                assert_eq!(operation["responses"][status].is_null(), never, "{method} {path} {status}");
            }
        }
    }
}

/// Every kind of problem is an answer of some operation, but for a method that no operation has.
#[test]
fn every_problem_is_documented() {
    let text = document().to_string();
    for kind in task_api::problem::kind::ALL {
        let expected = kind.name != "method-not-allowed";
        assert_eq!(text.contains(&format!("/problems/{}\"", kind.name)), expected, "{}", kind.name);
    }
}
