//! AWS fails, hangs or loses its responses: clients get the truth, and the audit log gets every change.

use serde_json::{Value, json};

use crate::stack::{alone, assert_chain, assert_published, eventually, of_task, shared};

fn throttled() -> Value {
    json!({"error": {"status": 400, "code": "ThrottlingException", "message": "Rate exceeded"}})
}

#[tokio::test]
async fn a_throttled_table_is_503_and_nothing_is_written() {
    let app = shared().await;
    app.break_api("PutItem", "never written", -1, throttled()).await;
    let refused = app.call("POST", "/tasks", json!({"title": "never written"})).await;
    assert_eq!(refused.problem(), (503, "unavailable".into()));
    assert_eq!(refused.header("Retry-After"), Some("1"));

    let id = app.create("throttled").await;
    let before = app.item(&id).await;
    for action in ["GetItem", "UpdateItem"] {
        app.break_api(action, &id, 3, throttled()).await;
    }
    let path = format!("/tasks/{id}");
    for (method, body) in [("GET", Value::Null), ("PUT", json!({"title": "no"}))] {
        assert_eq!(app.call(method, &path, body).await.problem(), (503, "unavailable".into()), "{method}");
    }
    assert_eq!(app.item(&id).await, before);
}

#[tokio::test]
async fn a_short_fault_is_retried_and_a_long_delay_is_503() {
    let app = shared().await;
    let id = app.create("short fault").await;
    app.break_api("GetItem", &id, 2, throttled()).await;
    assert_eq!(app.call("GET", &format!("/tasks/{id}"), Value::Null).await.status, 200);
    app.break_api("GetItem", &id, -1, json!({"delayMs": 20_000})).await;
    let silent = app.call("GET", &format!("/tasks/{id}"), Value::Null).await;
    assert_eq!(silent.problem(), (503, "unavailable".into()));
}

#[tokio::test]
async fn a_lost_response_leads_to_no_second_write_and_no_false_refusal() {
    let app = shared().await;
    let lost = json!({"dropAnswer": true});
    app.break_api("PutItem", "answer lost", 1, lost.clone()).await;
    let created = app.call("POST", "/tasks", json!({"title": "answer lost"})).await;
    assert_eq!(created.status, 201);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/tasks/{id}");
    let authorization = app.outputs.token.clone();

    app.break_api("UpdateItem", &id, 1, lost.clone()).await;
    let headers = [("Authorization", authorization.as_str()), ("If-Match", "\"1\"")];
    let updated = app.call_with("PUT", &path, &headers, json!({"status": "CANCELLED"})).await;
    assert_eq!((updated.status.as_u16(), updated.header("ETag")), (200, Some("\"2\"")), "{updated:?}");

    for action in ["UpdateItem", "DeleteItem"] {
        app.break_api(action, &id, 1, lost.clone()).await;
    }
    let headers = [("Authorization", authorization.as_str()), ("If-Match", "\"2\"")];
    assert_eq!(app.call_with("DELETE", &path, &headers, Value::Null).await.status, 204);
    let actions: Vec<_> = app.audit_of(&id, 4).await.iter().map(|record| record["action"].clone()).collect();
    assert_eq!(json!(actions), json!(["task.created", "task.updated", "task.deleted", "task.purged"]));
}

#[tokio::test]
async fn the_crash_of_a_function_is_a_problem_without_internal_text() {
    let app = alone().await;
    let id = app.create("dies").await;
    let path = format!("/tasks/{id}");
    app.break_api("GetItem", &id, 1, json!({"killCaller": "before"})).await;
    let died = app.call("GET", &path, Value::Null).await;
    assert_eq!(died.problem(), (500, "internal".into()));
    for word in ["signal", "bootstrap", "exit", "Runtime"] {
        assert!(!died.body.contains(word), "{died:?}");
    }
    app.lift_faults().await;
    assert_eq!(app.call("GET", &path, Value::Null).await.status, 200, "the next call gets a new process");
}

/// Makes a few changes while calls of the audit function fail with `effect`, and expects all of them to be audited.
async fn audited_in_spite_of(times: i32, effect: Value) {
    let app = alone().await;
    app.break_audit(1, times, effect).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let id = app.create(&format!("fault {n}")).await;
        app.call("PUT", &format!("/tasks/{id}"), json!({"priority": "LOW"})).await;
        ids.push(id);
    }
    eventually("the faults to strike", async || {
        (app.faults_hit().await >= u64::from(times.unsigned_abs())).then_some(())
    })
    .await;
    for id in &ids {
        app.audit_of(id, 2).await;
    }
    let log = app.audit_log().await;
    for id in &ids {
        // A record that was delivered again differs only in the time at which it was made.
        for record in of_task(&log, id) {
            let again = log.iter().filter(|other| other["eventId"] == record["eventId"]);
            for mut other in again.cloned() {
                other["time"]["audited"] = record["time"]["audited"].clone();
                assert_eq!(other, record);
            }
        }
    }
    app.lift_faults().await;
}

#[tokio::test]
async fn nothing_is_lost_while_the_log_service_throttles() {
    audited_in_spite_of(8, throttled()).await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_audit_function_is_killed_before_it_writes() {
    audited_in_spite_of(2, json!({"killCaller": "before"})).await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_audit_function_is_killed_after_it_wrote() {
    audited_in_spite_of(2, json!({"killCaller": "after"})).await;
}

#[tokio::test]
async fn nothing_is_lost_when_responses_of_the_log_service_are_lost() {
    audited_in_spite_of(4, json!({"dropAnswer": true})).await;
}

/// Returns a stream record of the creation of a task, as Lambda delivers it.
fn stream_record(number: u32, id: &str) -> Value {
    let image = json!({
        "PK": {"S": "local"}, "SK": {"S": format!("TASK#{id}")}, "title": {"S": "t"}, "version": {"N": "1"},
        "actor": {"M": {"id": {"S": "poisoner"}}}, "request": {"M": {"id": {"S": format!("r{number}")}}},
    });
    json!({
        "eventID": format!("{id}-{number}"), "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/s",
        "dynamodb": {"Keys": {"PK": image["PK"], "SK": image["SK"]}, "NewImage": image,
            "SequenceNumber": format!("{number:021}"), "ApproximateCreationDateTime": 1_800_000_000.0},
    })
}

#[tokio::test]
async fn a_broken_record_goes_to_quarantine_and_the_others_are_audited() {
    let app = shared().await;
    let (first, last) = ("poison-test-1", "poison-test-2");
    let mut poison = stream_record(2, "poison-test-x");
    poison["dynamodb"]["NewImage"]["version"] = json!({"UNKNOWN-TYPE": "the payload is kept"});
    let batch = json!({"Records": [stream_record(1, first), poison.clone(), stream_record(3, last)]});
    let answer = app.invoke(&app.outputs.audit_function, &batch).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));

    for id in [first, last] {
        app.audit_of(id, 1).await;
    }
    let quarantined = app.log(&app.outputs.quarantine_log_group).await;
    let quarantined: Vec<Value> =
        quarantined.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ours: Vec<_> = quarantined.iter().filter(|line| line["payload"] == poison).collect();
    assert_eq!(ours.len(), 1, "{quarantined:#?}");
    assert_published(ours[0]);
    let log = app.log("/tasks/dev/audit-function").await.join("\n");
    assert!(log.contains("quarantined a stream record"), "the function's log says so");
    assert!(!log.contains("UNKNOWN-TYPE"), "the function's log has nothing of the payload");
    assert_eq!(ours[0]["sequenceNumber"], format!("{:021}", 2));
}

#[tokio::test]
async fn the_first_record_that_fails_is_reported_and_what_came_before_it_is_kept() {
    let app = alone().await;
    let ids = ["partial-test-1", "partial-test-2"];
    let poison = json!({"dynamodb": {"SequenceNumber": "2"}});
    let batch = json!({"Records": [stream_record(1, ids[0]), poison, stream_record(3, ids[1])]});
    // The first call writes record 1; the second, which would quarantine record 2, fails.
    app.break_audit(2, 3, throttled()).await;
    let answer = app.invoke(&app.outputs.audit_function, &batch).await;
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "2"}]}));
    app.lift_faults().await;
    let log = app.audit_log().await;
    let (kept, not_yet) = (of_task(&log, ids[0]), of_task(&log, ids[1]));
    assert_eq!((kept.len(), not_yet.len()), (1, 0));
    assert_chain(&kept);
}

/// Freezes the service as a teardown does.
#[tokio::test]
async fn a_frozen_service_answers_503_with_retry_after() {
    let app = alone().await;
    app.freeze_api().await;
    for (method, path) in [("GET", "/health"), ("GET", "/tasks"), ("POST", "/tasks")] {
        let body = if method == "POST" { json!({"title": "frozen"}) } else { Value::Null };
        let frozen = app.call(method, path, body).await;
        assert_eq!(frozen.problem(), (503, "unavailable".into()), "{method} {path}");
        assert_eq!(frozen.header("Retry-After"), Some("1"));
    }
    app.thaw_api().await;
    assert_eq!(app.call("GET", "/health", Value::Null).await.status, 200);
}
