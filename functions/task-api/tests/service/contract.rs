//! `functions/task-api/api.json` tells the CDK app what API Gateway and the function must agree on, and the
//! docs function which kinds of problems there are.

use std::{env, fs, path::Path};

use gateway::{edge::EXPOSED_HEADERS, http::RequestHeader};
use serde_json::{Map, Value, json};
use task_api::problem::kind;
use tasks::principal::Scope;

/// `REFRESH=1 cargo test -p task-api` writes it.
#[test]
fn the_snapshot_matches_the_function() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("api.json");
    let problem = |kind: &&kind::Kind| (kind.name.to_owned(), json!(kind));
    let problems: Map<String, Value> = kind::ALL.iter().map(problem).collect();
    let api = json!({
        "exposedHeaders": EXPOSED_HEADERS.split(", ").collect::<Vec<_>>(),
        "methods": Scope::ALL.map(Scope::methods).concat(),
        "problems": problems,
        "requestHeaders": RequestHeader::ALL.map(RequestHeader::name),
    });
    if env::var_os("REFRESH").is_some() {
        fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&api).unwrap())).unwrap();
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written, api, "run `REFRESH=1 cargo test -p task-api`");
}
