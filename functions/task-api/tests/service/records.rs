//! The traces that a write leaves for the audit log: who and which request, when, and how much room that takes.

use serde_json::{Value, json};
use tasks::task::Timestamp;

use crate::{
    fields::{audit, image},
    table::{TRACE, Table, event},
};

const TITLE: &str = r#"{"title":"a"}"#;

/// Sends a request with a token that the authorizer named.
async fn send(table: &Table, method: &str, target: &str, body: &str) -> Value {
    let mut event = event("team", method, target, &json!({}));
    event["requestContext"]["authorizer"]["credential"] = json!("0a1b2c3d");
    event["body"] = json!(body);
    let answer = table.handle(event).await;
    if answer.body().is_empty() { Value::Null } else { answer.json() }
}

#[tokio::test]
async fn a_record_names_the_token_the_method_the_route_and_the_trace() {
    let table = Table::new().await;
    let id = send(&table, "POST", "/tasks", TITLE).await["id"].as_str().unwrap().to_owned();
    let created = image(&table, &id);
    send(&table, "PATCH", &format!("/tasks/{id}"), r#"{"title":"b"}"#).await;
    let changed = image(&table, &id);
    for (old, new, number, method, route) in
        [(&Value::Null, &created, 1, "POST", "/tasks"), (&created, &changed, 2, "PATCH", "/tasks/{id}")]
    {
        let record = audit(old, new);
        let request = json!({
            "id": format!("request-{number}"), "method": method, "route": route, "sourceIp": "192.0.2.1", "userAgent": "test",
            "traceId": TRACE,
        });
        assert_eq!((json!(record.request), record.actor.credential.as_deref()), (request, Some("0a1b2c3d")));
    }
    let key = json!({"Idempotency-Key": "k"});
    let keyed = table.send("POST", "/tasks", key, TITLE).await.json()["id"].as_str().unwrap().to_owned();
    let created = image(&table, &keyed);
    let hash = created["idempotencyRecord"]["S"].as_str().unwrap().strip_prefix("IDEMPOTENCY#").unwrap();
    assert_eq!(audit(&Value::Null, &created).request.unwrap().idempotency_key.as_deref(), Some(hash));
    table.send("PUT", &format!("/tasks/{keyed}"), json!({}), r#"{"title":"b"}"#).await;
    let request = audit(&created, &image(&table, &keyed)).request.unwrap();
    assert_eq!(request.idempotency_key, None, "a change has no key");
    // The gateway knows principals from before the deployment for a while.
    let id = table.create(TITLE).await;
    assert_eq!(audit(&Value::Null, &image(&table, &id)).actor.credential, None);
}

#[tokio::test]
async fn a_create_that_a_retry_completes_has_its_own_time_and_that_of_the_first_try() {
    let table = Table::new().await;
    let create = async || table.send("POST", "/tasks", json!({"Idempotency-Key": "k"}), TITLE).await.json();
    let first = create().await;
    let id = first["id"].as_str().unwrap();
    let time = json!(audit(&Value::Null, &image(&table, id)).time);
    assert_eq!((&time["changed"], &time["firstTried"]), (&first["createdAt"], &Value::Null));
    table.remove(id);
    while Timestamp::now().to_string().as_str() <= first["createdAt"].as_str().unwrap() {
        tokio::task::yield_now().await;
    }
    assert_eq!(create().await, first, "the client is told the same as before");
    let time = json!(audit(&Value::Null, &image(&table, id)).time);
    assert_eq!(time["firstTried"], first["createdAt"]);
    assert!(time["changed"].as_str() > first["createdAt"].as_str(), "{time}");
}

/// Returns the bytes that an attribute counts for ("DynamoDB item sizes and formats").
fn size(value: &Value) -> usize {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        // Of a number at most one byte for two digits, and one more.
        ("N", Value::String(digits)) => digits.len().div_ceil(2) + 1,
        ("B", Value::String(base64)) => base64.len() * 3 / 4,
        ("L", Value::Array(list)) => 3 + list.iter().map(|member| 1 + size(member)).sum::<usize>(),
        ("M", Value::Object(map)) => {
            3 + map.iter().map(|(name, member)| 1 + name.len() + size(member)).sum::<usize>()
        }
        other => panic!("{other:?}"),
    }
}

/// For a user of a pool at a browser with an IPv6 address, and a key.
#[tokio::test]
async fn the_services_own_attributes_leave_room_for_the_task_in_a_write_unit() {
    let table = Table::new().await;
    let name = "cognito:019aa0b1-2c3d-7e4f-8a5b-6c7d8e9f0a1b";
    let mut event = event(name, "POST", "/tasks", &json!({"Idempotency-Key": "k"}));
    event["body"] = json!(TITLE);
    let context = &mut event["requestContext"];
    context["authorizer"]["principalId"] = json!(name);
    context["authorizer"]["credential"] = json!("0a1b2c3d");
    context["identity"]["sourceIp"] = json!("2001:0db8:85a3:0000:0000:8a2e:0370:7334");
    context["identity"]["userAgent"] = json!(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
    );
    let answer = table.handle(event).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let item = serde_json::to_value(table.item_of(name, &id).unwrap()).unwrap();
    let total: usize = item.as_object().unwrap().iter().map(|(name, value)| name.len() + size(value)).sum();
    assert!(total <= 910, "{total}: {item:#}");
}
