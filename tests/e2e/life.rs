//! A task's life in five calls, and its records in the audit log.

use serde_json::{Value, json};

use crate::stack::{Stack, shared};

#[tokio::test]
async fn the_five_calls_of_a_tasks_life_leave_four_records() {
    let app = shared().await;
    let created = app.call("POST", "/tasks", json!({"title": "Write the report", "priority": "HIGH"})).await;
    assert_eq!((created.status.as_u16(), created.header("ETag")), (201, Some("\"1\"")));
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/tasks/{id}");
    assert!(created.header("Location").unwrap().ends_with(&path));
    assert!(app.outputs.api_url.ends_with(created.header("Location").unwrap().strip_suffix(&path).unwrap()));

    let list = app.call("GET", "/tasks?status=PENDING", Value::Null).await.json();
    assert!(list["items"].as_array().unwrap().iter().any(|task| task["id"] == id.as_str()));
    let got = app.call("GET", &path, Value::Null).await;
    assert_eq!(got.json(), created.json());
    let updated = app.call("PUT", &path, json!({"status": "IN_PROGRESS"})).await;
    assert_eq!((updated.status.as_u16(), &updated.json()["status"]), (200, &json!("IN_PROGRESS")));
    assert_eq!(app.call("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(app.call("GET", &path, Value::Null).await.problem(), (404, "not-found".into()));

    let records = app.audit_of(&id, 4).await;
    let column =
        |pointer: &str| json!(records.iter().map(|r| r.pointer(pointer).unwrap()).collect::<Vec<_>>());
    assert_eq!(column("/action"), json!(["task.created", "task.updated", "task.deleted", "task.purged"]));
    assert_eq!(column("/task/versionAfter"), json!([1, 2, 3, null]));
    let who = "local-developer";
    assert_eq!(column("/actor/id"), json!([who, who, who, who]));
    let hash = ring::digest::digest(&ring::digest::SHA256, app.outputs.token.as_bytes());
    let start = u32::from_be_bytes(hash.as_ref()[..4].try_into().unwrap());
    assert_eq!(column("/actor/credential"), json!(vec![format!("{start:08x}"); 4]));
    assert_eq!(column("/request/method"), json!(["POST", "PUT", "DELETE", "DELETE"]));
    let task = "/tasks/{id}";
    assert_eq!(column("/request/route"), json!(["/tasks", task, task, task]));
    for record in &records {
        // The trace of X-Ray begins with a version and a time.
        let trace = record["request"]["traceId"].as_str().unwrap_or_default();
        assert!(trace.starts_with("1-") && trace.len() == 35, "{record:#}");
    }
    assert_eq!(column("/stage"), json!(["dev", "dev", "dev", "dev"]));
    assert_eq!(column("/task/owner"), json!(["local", "local", "local", "local"]));
    assert_eq!(records[1]["changes"], json!([{"field": "status", "old": "PENDING", "new": "IN_PROGRESS"}]));
    assert_eq!(records[1]["request"]["id"], updated.header("X-Request-Id").unwrap());
    assert!(!json!(records).to_string().contains("Write the report"), "free text is hashed");
    assert_eq!(records[3]["integrity"]["after"], Value::Null);
}

#[tokio::test]
async fn an_idempotency_key_makes_one_task_and_a_replay_after_its_deletion_none() {
    let app = shared().await;
    let authorization = format!("Bearer {}", app.outputs.token);
    let headers = [("Authorization", authorization.as_str()), ("Idempotency-Key", "e2e-life-1")];
    let body = json!({"title": "once"});
    let (one, two) = tokio::join!(
        app.call_with("POST", "/tasks", &headers, body.clone()),
        app.call_with("POST", "/tasks", &headers, body.clone()),
    );
    assert_eq!((one.status.as_u16(), one.json()), (201, two.json()), "at the same time");
    let mismatch = app.call_with("POST", "/tasks", &headers, json!({"title": "twice"})).await;
    assert_eq!(mismatch.problem(), (422, "idempotency-mismatch".into()));
    let id = one.json()["id"].as_str().unwrap().to_owned();
    app.call("DELETE", &format!("/tasks/{id}"), Value::Null).await;
    assert_eq!(app.call_with("POST", "/tasks", &headers, body).await.json(), one.json());
    let records = app.audit_of(&id, 3).await;
    let key = &records[0]["request"]["idempotencyKey"];
    assert!(key.as_str().is_some_and(|hash| hash.len() == 64), "hashed: {key}");
}

#[tokio::test]
async fn following_the_links_shows_the_whole_list() {
    let app = shared().await;
    let mut made = Vec::new();
    for n in 0..5 {
        let body = json!({"title": format!("list {n}"), "assignee": "ann & bob/#1 ü+"});
        made.insert(0, app.call("POST", "/tasks", body).await.json()["id"].as_str().unwrap().to_owned());
    }
    for first in ["/tasks?limit=2", "/tasks?assignee=ann+%26%20bob%2F%231%20%C3%BC%2B&limit=2"] {
        assert_eq!(followed(&app, first, &made).await, made, "{first}: newest first, each task once");
    }
}

/// Follows a list from its first page until it has shown all of `made`; returns those, in the order of the list.
async fn followed<G>(app: &Stack<G>, first: &str, made: &[String]) -> Vec<String> {
    let base = app.outputs.api_url.clone();
    let origin_end = base.match_indices('/').nth(2).unwrap().0;
    let (mut found, mut path) = (Vec::new(), first.to_owned());
    loop {
        let page = app.call("GET", &path, Value::Null).await;
        let items = page.json()["items"].as_array().unwrap().clone();
        found.extend(items.iter().map(|task| task["id"].as_str().unwrap().to_owned()));
        if made.iter().all(|id| found.contains(id)) {
            break;
        }
        let link = page.header("Link").expect("more to come").to_owned();
        let target = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap();
        target.strip_prefix(&base[origin_end..]).expect("a path below the stage").clone_into(&mut path);
    }
    found.retain(|id| made.contains(id));
    found
}

#[tokio::test]
async fn health_and_preflight_need_no_token() {
    let app = shared().await;
    let health = app.call_with("GET", "/health", &[], Value::Null).await;
    assert_eq!((health.status.as_u16(), &health.json()["status"]), (200, &json!("ok")));
    for path in ["", "/tasks", "/tasks/x", "/health", "/nothing"] {
        let headers = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "PUT")];
        let preflight = app.call_with("OPTIONS", path, &headers, Value::Null).await;
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.header("Access-Control-Allow-Origin"), Some("*"), "{path}");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            assert!(preflight.header("Access-Control-Allow-Methods").unwrap().contains(method), "{path}");
        }
        let allowed = preflight.header("Access-Control-Allow-Headers").unwrap();
        for header in ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"] {
            assert!(allowed.contains(header), "{path}: {allowed}");
        }
    }
}

#[tokio::test]
async fn the_service_itself_refuses_unknown_paths_methods_and_bodies() {
    let app = shared().await;
    for (method, path, status, kind) in [
        ("GET", "", 404, "not-found"),
        ("GET", "/nothing", 404, "not-found"),
        ("DELETE", "/tasks", 405, "method-not-allowed"),
        ("POST", "/health", 405, "method-not-allowed"),
    ] {
        assert_eq!(
            app.call(method, path, json!({})).await.problem(),
            (status, kind.into()),
            "{method} {path}"
        );
    }
    let big = app.call("POST", "/tasks", json!({"title": "a", "description": "x".repeat(70_000)})).await;
    assert_eq!(big.problem(), (413, "payload-too-large".into()));
    let invalid = app.call("POST", "/tasks?page=1", json!({"title": "", "colour": "red"})).await;
    assert_eq!((invalid.problem().0, invalid.json()["errors"].as_array().unwrap().len()), (400, 3));
}

/// In the deployed table's own index.
#[tokio::test]
async fn open_tasks_are_listed_by_due_date_page_by_page() {
    let app = shared().await;
    let mut expected = Vec::new();
    for day in ["03", "01", "02"] {
        let due_at = format!("2061-07-{day}T00:00:00.000Z");
        let created = app.call("POST", "/tasks", json!({"title": "due", "dueAt": due_at})).await.json();
        expected.push((due_at, created["id"].as_str().unwrap().to_owned()));
    }
    expected.sort();
    let closed = json!({"title": "done", "dueAt": "2061-07-02T00:00:00Z", "status": "COMPLETED"});
    app.call("POST", "/tasks", closed).await;
    let range = "sort=dueAt&dueAfter=2061-07-01T00:00:00Z&dueBefore=2061-08-01T00:00:00Z&limit=1";
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.call("GET", &format!("/tasks?{range}{cursor}"), Value::Null).await.json();
        let tasks = page["items"].as_array().unwrap().iter();
        found.extend(tasks.map(|task| {
            (task["dueAt"].as_str().unwrap().to_owned(), task["id"].as_str().unwrap().to_owned())
        }));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, expected);
}
