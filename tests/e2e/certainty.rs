//! Responses are lost, calls hang, other clients write in between: a request is applied at most once, and the client's response,
//! the item and the audit log agree.

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::stack::{Answer, Stack, alone, eventually, key, of_task, shared};

/// Applies the call and closes the connection before the response.
fn lost() -> Value {
    json!({"dropAnswer": true})
}

/// Fails the call without applying it, which DynamoDB does not promise for a server error.
fn server_error() -> Value {
    json!({"error": {"status": 500, "code": "InternalServerError", "message": "try again"}})
}

async fn put<G>(app: &Stack<G>, id: &str, if_match: Option<&str>, body: Value) -> Answer {
    let authorization = app.outputs.token.clone();
    let mut headers = vec![("Authorization", authorization.as_str())];
    headers.extend(if_match.map(|tags| ("If-Match", tags)));
    app.call_with("PUT", &format!("/tasks/{id}"), &headers, body).await
}

async fn create_keyed<G>(app: &Stack<G>, key: &str, title: &str) -> Answer {
    let authorization = app.outputs.token.clone();
    let headers = [("Authorization", authorization.as_str()), ("Idempotency-Key", key)];
    app.call_with("POST", "/tasks", &headers, json!({"title": title})).await
}

fn assert_unknown(answer: &Answer) {
    assert_eq!(answer.problem(), (504, "outcome-unknown".into()), "{answer:?}");
    assert_eq!(answer.header("Retry-After"), None, "a blind retry would not be safe");
}

/// Makes a change whose response is lost, and a change by another client before the service can read the item.
async fn lost_response_and_another_change(if_match: Option<&str>, marker: &str) {
    let app = shared().await;
    let id = app.create("both write").await;
    let (first, second) = (format!("{marker} first"), format!("{marker} second"));
    let meanwhile = json!({
        "TableName": app.outputs.table_name, "Key": key(&id),
        "UpdateExpression": "SET #title = :title, #version = #version + :one, #request.#id = :other",
        "ExpressionAttributeNames": {"#title": "title", "#version": "version", "#request": "request", "#id": "id"},
        "ExpressionAttributeValues": {":title": {"S": second}, ":one": {"N": "1"}, ":other": {"S": "another"}},
    });
    app.break_api("UpdateItem", &first, 1, json!({"dropAnswer": true, "then": meanwhile})).await;
    let response = put(&app, &id, if_match, json!({"title": first})).await;
    assert_unknown(&response);
    assert_eq!(app.item(&id).await["title"]["S"], second.as_str(), "the other client's change stands");
    let records = app.audit_of(&id, 3).await;
    assert_eq!(records[1]["request"]["id"], response.header("X-Request-Id").unwrap());
    assert_eq!(records[2]["request"]["id"], "another");
}

#[tokio::test]
async fn a_change_whose_response_is_lost_does_not_overwrite_another_clients() {
    lost_response_and_another_change(None, "unconditional").await;
}

#[tokio::test]
async fn a_conditional_change_that_may_have_been_applied_is_not_reported_as_stale() {
    lost_response_and_another_change(Some("\"1\""), "conditional").await;
}

#[tokio::test]
async fn a_change_whose_response_is_lost_is_found_by_reading() {
    let app = shared().await;
    let id = app.create("found by reading").await;
    app.break_api("UpdateItem", &id, 1, lost()).await;
    let response = put(&app, &id, None, json!({"priority": "HIGH"})).await;
    assert_eq!((response.status.as_u16(), response.header("ETag")), (200, Some("\"2\"")), "{response:?}");
    assert_eq!(response.json()["priority"], "HIGH");
    app.audit_of(&id, 2).await;
}

#[tokio::test]
async fn only_a_change_that_depends_on_one_version_is_sent_again() {
    let app = shared().await;
    let id = app.create("server error").await;
    app.break_api("UpdateItem", &id, 1, server_error()).await;
    let response = put(&app, &id, Some("\"1\""), json!({"title": "by version"})).await;
    assert_eq!((response.status.as_u16(), response.header("ETag")), (200, Some("\"2\"")), "{response:?}");
    for (if_match, title) in [(None, "blindly"), (Some("*"), "any"), (Some("\"2\", \"3\""), "either")] {
        app.break_api("UpdateItem", title, 1, server_error()).await;
        assert_unknown(&put(&app, &id, if_match, json!({"title": title})).await);
    }
    app.break_api("UpdateItem", &id, 1, server_error()).await;
    assert_unknown(&app.call("DELETE", &format!("/tasks/{id}"), Value::Null).await);
    assert_eq!(app.item(&id).await["title"]["S"], "by version");
    app.audit_of(&id, 2).await;
}

#[tokio::test]
async fn without_any_response_the_outcome_is_unknown_and_the_change_applied_once() {
    let app = shared().await;
    let id = app.create("no answers").await;
    for action in ["UpdateItem", "GetItem"] {
        app.break_api(action, &id, -1, lost()).await;
    }
    assert_unknown(&put(&app, &id, None, json!({"title": "changed"})).await);
    assert_unknown(&app.call("DELETE", &format!("/tasks/{id}"), Value::Null).await);
    for action in ["PutItem", "TransactWriteItems"] {
        app.break_api(action, "never answered", -1, lost()).await;
    }
    assert_unknown(&create_keyed(&app, "never-answered", "never answered").await);
    let records = app.audit_of(&id, 3).await;
    assert_eq!(records[2]["action"], "task.deleted");
    let created = eventually("the task that was created nevertheless", async || {
        let list = app.call("GET", "/tasks?limit=100", Value::Null).await.json();
        let ours = list["items"].as_array().unwrap().iter().filter(|task| task["title"] == "never answered");
        let ours: Vec<_> = ours.cloned().collect();
        (!ours.is_empty()).then_some(ours)
    })
    .await;
    assert_eq!(created.len(), 1, "one task: {created:?}");
    app.audit_of(created[0]["id"].as_str().unwrap(), 1).await;
}

#[tokio::test]
async fn a_write_to_a_slow_table_has_an_unknown_outcome() {
    let app = shared().await;
    let id = app.create("slow").await;
    app.break_api("UpdateItem", &id, -1, json!({"delayMs": 12_000})).await;
    app.break_api("PutItem", "slowly made", -1, json!({"delayMs": 12_000})).await;
    let path = format!("/tasks/{id}");
    let (changed, deleted, created) = tokio::join!(
        put(&app, &id, None, json!({"title": "slowly changed"})),
        app.call("DELETE", &path, Value::Null),
        app.call("POST", "/tasks", json!({"title": "slowly made"})),
    );
    for response in [changed, deleted, created] {
        assert_unknown(&response);
    }
}

#[tokio::test]
async fn a_keyed_create_whose_responses_are_lost_makes_one_task_and_marks_replays() {
    let app = shared().await;
    for (n, marker) in ["IDEMPOTENCY#", "certainly one"].into_iter().enumerate() {
        let (key, title) = (format!("certainty-lost-{n}"), format!("certainly one {n}"));
        let marker = if n == 0 { marker } else { title.as_str() };
        app.break_api("PutItem", marker, 1, lost()).await;
        let created = create_keyed(&app, &key, &title).await;
        assert_eq!((created.status.as_u16(), created.header("Idempotent-Replayed")), (201, None));
        let replayed = create_keyed(&app, &key, &title).await;
        assert_eq!((replayed.status.as_u16(), replayed.json()), (201, created.json()));
        assert_eq!(replayed.header("Idempotent-Replayed"), Some("true"));
        app.audit_of(created.json()["id"].as_str().unwrap(), 1).await;
    }
}

#[tokio::test]
async fn a_replay_during_a_delete_revives_nothing() {
    const ROUNDS: usize = 200;
    let app = alone().await;
    let round = async |n: usize| {
        let (key, title) = (format!("revive-{n}"), format!("revive {n}"));
        let created = create_keyed(&app, &key, &title).await.json();
        let id = created["id"].as_str().unwrap().to_owned();
        let path = format!("/tasks/{id}");
        // The replay has read the idempotency record before the delete, and in most rounds its put is late enough to find the
        // task's item gone.
        for action in ["PutItem", "TransactWriteItems"] {
            app.break_api(action, &id, 1, json!({"delayMs": n % 20 * 10})).await;
        }
        let (replayed, deleted) =
            tokio::join!(create_keyed(&app, &key, &title), app.call("DELETE", &path, Value::Null));
        assert_eq!((replayed.status.as_u16(), replayed.json()), (201, created), "{replayed:?}");
        assert_eq!(replayed.header("Idempotent-Replayed"), Some("true"));
        assert_eq!(deleted.status, 204, "{deleted:?}");
        id
    };
    let ids: Vec<String> = stream::iter(0..ROUNDS).map(round).buffer_unordered(8).collect().await;
    app.lift_faults().await;
    for id in &ids {
        assert_eq!(app.item(id).await, Value::Null, "revived");
    }
    let whole = eventually("every purge", async || {
        let log = app.audit_log().await;
        ids.iter().all(|id| of_task(&log, id).len() >= 3).then_some(log)
    })
    .await;
    for id in &ids {
        let actions: Vec<_> = of_task(&whole, id).iter().map(|record| record["action"].clone()).collect();
        assert_eq!(json!(actions), json!(["task.created", "task.deleted", "task.purged"]));
    }
    println!("{ROUNDS} rounds of a replay during a delete: no task revived");
}

#[tokio::test]
async fn a_create_that_arrives_after_its_retry_and_a_delete_revives_nothing() {
    let app = alone().await;
    for key in [None, Some("late-create")] {
        app.break_api("PutItem", "comes late", 1, json!({"delayMs": 4_000})).await;
        let created = match key {
            Some(key) => create_keyed(&app, key, "comes late").await,
            None => app.call("POST", "/tasks", json!({"title": "comes late"})).await,
        };
        assert_eq!(created.status, 201, "{created:?}");
        let path = format!("/tasks/{}", created.json()["id"].as_str().unwrap());
        assert_eq!(app.call("DELETE", &path, Value::Null).await.status, 204);
        assert!(
            app.calls("PutItem").await.iter().any(Value::is_null),
            "the first attempt is still in flight"
        );
        eventually("the end of the first attempt", async || {
            app.calls("PutItem").await.iter().all(|status| !status.is_null()).then_some(())
        })
        .await;
        assert_eq!(app.call("GET", &path, Value::Null).await.problem().0, 404, "revived");
        app.lift_faults().await;
    }
}

#[tokio::test]
async fn a_create_whose_response_is_lost_is_found_by_reading() {
    let app = shared().await;
    app.break_api("PutItem", "read, not put", 1, lost()).await;
    // A second put would not be answered in time.
    app.break_api("PutItem", "read, not put", -1, json!({"delayMs": 12_000})).await;
    let created = app.call("POST", "/tasks", json!({"title": "read, not put"})).await;
    assert_eq!(created.status, 201, "{created:?}");
    app.audit_of(created.json()["id"].as_str().unwrap(), 1).await;
}

/// The response to a client's change: its status and the request's id.
type Reported = (u16, String);

/// Makes `changes` changes to `ids` while responses are lost, calls are throttled and the server fails.
async fn changes_under_faults<G>(app: &Stack<G>, ids: &[String], changes: usize) -> Vec<Reported> {
    let caller = &app.outputs.task_api_function;
    let rule = |action: &str, nth: usize, effect: Value| json!({"service": "dynamodb", "action": action, "caller": caller, "nth": nth, "times": 1, "effect": effect});
    let throttled =
        json!({"error": {"status": 400, "code": "ThrottlingException", "message": "Rate exceeded"}});
    let mut rules: Vec<_> = (0..changes / 4).map(|n| rule("UpdateItem", 2 + n * 4, lost())).collect();
    rules.extend((0..changes / 25).map(|n| rule("UpdateItem", 3 + n * 25, server_error())));
    rules.extend((0..changes / 25).map(|n| rule("UpdateItem", 4 + n * 25, throttled.clone())));
    rules.extend((0..changes / 25).map(|n| rule("GetItem", 5 + n * 5, lost())));
    app.admin("faults", json!(rules)).await;
    let change = async |n: usize| {
        let response = put(app, &ids[n % ids.len()], None, json!({"title": format!("change {n}")})).await;
        (response.status.as_u16(), response.header("X-Request-Id").unwrap().to_owned())
    };
    let responses = stream::iter(0..changes).map(change).buffer_unordered(16).collect().await;
    app.lift_faults().await;
    responses
}

#[tokio::test]
async fn five_hundred_changes_under_faults_are_applied_at_most_once_and_reported_truly() {
    const CHANGES: usize = 500;
    let app = alone().await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(app.create(&format!("under faults {n}")).await);
    }
    let responses = changes_under_faults(&app, &ids, CHANGES).await;
    let last: HashSet<(String, u64)> = stream::iter(&ids)
        .then(async |id| {
            let version = app.item(id).await["version"]["N"].as_str().unwrap().parse().unwrap();
            (id.clone(), version)
        })
        .collect()
        .await;
    // Every version of every task has its record: the log is complete.
    let log = eventually("the last change of each task", async || {
        let log = app.audit_log().await;
        last.iter()
            .all(|(id, version)| of_task(&log, id).len() >= usize::try_from(*version).unwrap())
            .then_some(log)
    })
    .await;
    let mut applied = BTreeMap::<String, usize>::new();
    for (id, version) in &last {
        let records = of_task(&log, id);
        assert_eq!(records.len(), usize::try_from(*version).unwrap(), "{id}");
        for record in &records {
            *applied.entry(record["request"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let times: Vec<_> = records.iter().map(|record| record["time"]["changed"].clone()).collect();
        assert!(times.windows(2).all(|pair| pair[0].as_str() <= pair[1].as_str()), "{times:?}");
    }
    assert!(applied.values().all(|times| *times == 1), "applied twice: {applied:?}");
    let mut counted = BTreeMap::<(u16, bool), usize>::new();
    for (status, request) in &responses {
        *counted.entry((*status, applied.contains_key(request))).or_default() += 1;
    }
    println!("{CHANGES} changes under faults, by (status, in the audit log): {counted:?}");
    for (status, in_log) in counted.keys() {
        assert!(
            matches!((status, in_log), (200, true) | (503, false) | (504, _)),
            "status {status}, in the audit log: {in_log}: {counted:?}"
        );
    }
    assert!(counted.contains_key(&(504, true)), "no applied change was reported as unknown: {counted:?}");
    assert!(counted[&(200, true)] > CHANGES / 2, "{counted:?}");
}
