//! The bytes that a call and a change leave in the logs, as docs/quantities.json has them for the cost model.

use std::{env, fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::stack::{Stack, alone, eventually};

/// A browser's, as long as most.
const USER_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 cost";
/// Latencies and counts have more or fewer digits, from run to run.
const TOLERANCE: f64 = 0.05;
/// The same for how far gzip compresses four records: it finds more or less in their hashes and ids, 0.26 to 0.28 so far.
const COMPRESSION: &str = "compressedTo";
const COMPRESSION_TOLERANCE: f64 = 0.2;

/// `REFRESH=1 cargo xtask test e2e -- cost` writes this part of the file.
#[tokio::test]
async fn the_log_lines_are_as_long_as_the_cost_model_has_them() {
    let app = alone().await;
    let (id, request) = a_task_and_its_end(&app).await;
    let records = records(&app, &id).await;
    let of = |action: &str| records.iter().find(|line| line.contains(action)).unwrap().len();
    let record: Value = serde_json::from_str(&records[0]).unwrap();
    let caller = format!("\"principal\":{}", record["actor"]["id"]);
    let run = lines(&app, "/tasks/dev/task-api", &[&request], 4).await;
    let (own, platform): (Vec<_>, Vec<_>) = run.into_iter().partition(|line| line.starts_with('{'));
    let measured = json!({
        "access": mean(&lines(&app, "/tasks/dev/access", &[USER_AGENT], 4).await),
        "taskApi": mean(&own),
        "authorizer": mean(&lines(&app, "/tasks/dev/authorizer", &["authorized a principal", &caller], 1).await),
        "refusedToken": mean(&lines(&app, "/tasks/dev/authorizer", &["refused a token", "unknown-token", "{id}"], 1).await),
        "auditFunction": mean(&lines(&app, "/tasks/dev/audit-function", &["stream records to the audit log"], 1).await),
        "platform": mean(&platform) * platform.len(),
        "platformLines": platform.len(),
        "recordCreated": of("task.created"),
        "recordUpdated": of("task.updated"),
        "recordDeleted": of("task.deleted"),
        "recordPurged": of("task.purged"),
        COMPRESSION: compressed_to(&records.join("\n")),
    });
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/quantities.json");
    let mut written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    if env::var_os("REFRESH").is_some() {
        written["logBytes"] = measured.clone();
        fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&written).unwrap())).unwrap();
    }
    for (name, bytes) in measured.as_object().unwrap() {
        let (now, then) = (bytes.as_f64().unwrap(), written["logBytes"][name].as_f64().unwrap());
        let tolerance = if name == COMPRESSION { COMPRESSION_TOLERANCE } else { TOLERANCE };
        assert!((now - then).abs() <= then * tolerance, "{name}: {now}, but docs/quantities.json has {then}");
    }
}

/// Creates, changes and deletes a task, and is refused once; returns the task's id and the id of the change's request.
async fn a_task_and_its_end<Guard>(app: &Stack<Guard>) -> (String, String) {
    let token = format!("Bearer {}", app.outputs.token);
    let call = async |method: &str, path: &str, token: &str, body: Value| {
        app.call_with(method, path, &[("Authorization", token), ("User-Agent", USER_AGENT)], body).await
    };
    let task = json!({"title": "a task like any other", "description": "with some words"});
    let created = call("POST", "/tasks", &token, task).await;
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/tasks/{id}");
    let changed = call("PUT", &path, &token, json!({"status": "IN_PROGRESS"})).await;
    assert_eq!(call("DELETE", &path, &token, Value::Null).await.status, 204);
    assert_eq!(call("GET", &path, "Bearer no-such-token", Value::Null).await.status, 401);
    (id, changed.header("X-Request-Id").unwrap().to_owned())
}

async fn records<Guard>(app: &Stack<Guard>, id: &str) -> Vec<String> {
    app.audit_of(id, 4).await;
    let log = app.log(&app.outputs.audit_log_group).await;
    log.into_iter().filter(|line| line.contains(id)).collect()
}

/// Waits for so many lines of a log that have all of `parts` in them.
async fn lines<Guard>(app: &Stack<Guard>, group: &str, parts: &[&str], count: usize) -> Vec<String> {
    eventually(&format!("{parts:?} in {group}"), async || {
        let mut lines = app.log(group).await;
        lines.retain(|line| parts.iter().all(|part| line.contains(part)));
        (lines.len() >= count).then_some(lines)
    })
    .await
}

fn mean(lines: &[String]) -> usize {
    lines.iter().map(String::len).sum::<usize>() / lines.len()
}

/// Returns to which part of its size gzip compresses a text, in hundredths.
fn compressed_to(text: &str) -> f64 {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let compressed = encoder.finish().unwrap().len();
    f64::from(u32::try_from(compressed * 100 / text.len()).unwrap()) / 100.0
}
