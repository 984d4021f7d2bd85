//! The small print of docs/api.md: what careful clients run into.

use serde_json::{Value, json};

use crate::table::Table;

#[tokio::test]
async fn if_none_match_on_a_write_is_enforced_by_the_write() {
    let table = Table::new().await;
    let id = table.create(r#"{"title":"a"}"#).await;
    let (path, before) = (format!("/tasks/{id}"), table.item(&id));
    for tags in ["*", "\"1\"", "W/\"1\"", "\"7\", \"1\""] {
        let tags = json!({"If-None-Match": tags});
        for (method, body) in
            [("PUT", r#"{"title":"b"}"#), ("PUT", "{}"), ("PATCH", r#"{"title":"b"}"#), ("DELETE", "")]
        {
            let refused = table.send(method, &path, tags.clone(), body).await;
            assert_eq!(refused.problem(), (412, "precondition-failed".into()), "{method} {tags}");
            assert_eq!(refused.header("ETag"), Some("\"1\""));
        }
    }
    assert_eq!(table.item(&id), before);
    let other = json!({"If-None-Match": "\"2\", \"x\"", "If-Match": "\"1\""});
    assert_eq!(table.send("PUT", &path, other, r#"{"title":"b"}"#).await.header("ETag"), Some("\"2\""));
    let malformed = json!({"If-None-Match": "2"});
    assert_eq!(
        table.send("DELETE", &path, malformed, "").await.json()["errors"][0]["pointer"],
        "If-None-Match"
    );
    assert_eq!(table.send("DELETE", &path, json!({"If-None-Match": "\"1\""}), "").await.status(), 204);
    assert_eq!(table.send("DELETE", &path, json!({"If-None-Match": "*"}), "").await.status(), 404);
    let created = table.send("POST", "/tasks", json!({"If-None-Match": "*"}), r#"{"title":"a"}"#).await;
    assert_eq!(created.status(), 201, "nothing is there yet");
}

#[tokio::test]
async fn empty_elements_of_a_tag_list_are_ignored() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a"}"#).await);
    let updated =
        table.send("PUT", &path, json!({"If-Match": ", \"9\",, \"1\" ,"}), r#"{"title":"b"}"#).await;
    assert_eq!(updated.status(), 200, "{updated:?}");
    assert_eq!(table.send("GET", &path, json!({"If-None-Match": ",\"2\","}), "").await.status(), 304);
}

#[tokio::test]
async fn a_task_can_be_read_changed_and_put_back_whole() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a","dueAt":"2026-01-01T00:00:00Z"}"#).await);
    for (method, title) in [("PUT", "b"), ("PATCH", "c")] {
        let read = table.send("GET", &path, json!({}), "").await;
        let mut task = read.json();
        assert_eq!(
            table.send(method, &path, json!({}), &task.to_string()).await.header("ETag"),
            read.header("ETag")
        );
        task["title"] = json!(title);
        // The same moment in another spelling, as a client's date type may write it.
        task["createdAt"] = json!(task["createdAt"].as_str().unwrap().replace('Z', "+00:00"));
        let written = table.send(method, &path, json!({}), &task.to_string()).await;
        assert_eq!((written.status(), &written.json()["title"]), (200, &json!(title)));
    }
}

#[tokio::test]
async fn a_read_only_member_that_differs_is_refused_by_the_write() {
    let table = Table::new().await;
    let id = table.create(r#"{"title":"a"}"#).await;
    let (path, before) = (format!("/tasks/{id}"), table.item(&id));
    let task = table.send("GET", &path, json!({}), "").await.json();
    for (member, other) in [
        ("id", json!("01a20911-a456-70b1-9605-819efc49f74b")),
        ("version", json!(2)),
        ("createdAt", json!("2020-01-01T00:00:00Z")),
        ("updatedAt", json!("2020-01-01T00:00:00Z")),
        ("createdBy", json!("bob")),
        ("updatedBy", Value::Null),
    ] {
        for method in ["PUT", "PATCH"] {
            for title in ["a", "b"] {
                let mut changed = task.clone();
                (changed["title"], changed[member]) = (json!(title), other.clone());
                let refused = table.send(method, &path, json!({}), &changed.to_string()).await;
                assert_eq!(refused.problem(), (400, "invalid-request".into()), "{method} {member}");
                let errors = refused.json()["errors"].clone();
                let only = json!([{"pointer": format!("/{member}"), "code": "read-only", "detail": errors[0]["detail"]}]);
                assert_eq!(errors, only);
            }
        }
    }
    assert_eq!(table.item(&id), before);
    let post = table.send("POST", "/tasks", json!({}), &task.to_string()).await;
    assert_eq!(
        post.json()["errors"].as_array().unwrap().len(),
        6,
        "a new task has none of them yet: {post:?}"
    );
}

#[tokio::test]
async fn refusals_of_an_update_have_an_order() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a","status":"CANCELLED"}"#).await);
    let stale = json!({"If-Match": "\"9\""});
    let body = r#"{"version":9,"status":"PENDING"}"#;
    assert_eq!(table.send("PUT", &path, stale, body).await.status(), 412);
    assert_eq!(table.send("PUT", &path, json!({}), body).await.status(), 409);
    assert_eq!(table.send("PUT", &path, json!({}), r#"{"version":9}"#).await.status(), 400);
    table.send("DELETE", &path, json!({}), "").await;
    assert_eq!(table.send("PUT", &path, json!({"If-None-Match": "*"}), body).await.status(), 404);
}
