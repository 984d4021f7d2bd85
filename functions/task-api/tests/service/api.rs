//! Every route, header and problem of docs/api.md.

use serde_json::{Value, json};
use tasks::task::TaskId;

use crate::table::Table;

#[tokio::test]
async fn a_task_is_created_changed_and_deleted() {
    let table = Table::new().await;
    let body = r#"{"title":" Buy milk ","dueAt":"2026-12-24T18:00:00+01:00","priority":"HIGH"}"#;
    let created = table.send("POST", "/tasks", json!({}), body).await;
    let task = created.json();
    let id = task["id"].as_str().unwrap();
    assert_eq!((created.status(), created.header("ETag")), (201, Some("\"1\"")));
    assert_eq!(created.header("Location"), Some(format!("/dev/tasks/{id}").as_str()));
    assert_eq!(created.header("X-Request-Id"), Some("request-1"));
    assert_eq!(created.header("Cache-Control"), Some("no-store"));
    assert_eq!(created.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(created.header("Access-Control-Allow-Origin"), Some("*"));
    let fields = ["title", "description", "status", "priority", "dueAt", "version", "createdBy", "updatedBy"];
    let shown: Vec<_> = fields.iter().map(|field| task[field].clone()).collect();
    let due = "2026-12-24T17:00:00.000Z";
    assert_eq!(json!(shown), json!(["Buy milk", "", "PENDING", "HIGH", due, 1, "alice", "alice"]));
    assert_eq!(task.as_object().unwrap().len(), 12, "no internal attributes: {task}");

    let path = format!("/tasks/{id}");
    let updated = table.send("PUT", &path, json!({}), r#"{"status":"IN_PROGRESS"}"#).await;
    assert_eq!((updated.status(), updated.header("ETag")), (200, Some("\"2\"")));
    assert_eq!(
        (&updated.json()["title"], &updated.json()["status"]),
        (&json!("Buy milk"), &json!("IN_PROGRESS"))
    );
    assert_eq!(table.send("GET", &path, json!({}), "").await.json(), updated.json());

    let deleted = table.send("DELETE", &path, json!({}), "").await;
    assert_eq!((deleted.status(), deleted.body()), (204, ""));
    for method in ["GET", "DELETE"] {
        let gone = table.send(method, &path, json!({}), "").await;
        assert_eq!(gone.problem(), (404, "not-found".into()));
    }
    assert_eq!(table.send("PUT", &path, json!({}), "{}").await.status(), 404);
    assert_eq!(table.item(id), None, "the tombstone is removed too");
}

#[tokio::test]
async fn a_read_whose_if_none_match_names_the_version_is_304() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a"}"#).await);
    let same = table.send("GET", &path, json!({"if-none-match": "W/\"1\", \"9\""}), "").await;
    assert_eq!((same.status(), same.header("ETag"), same.body()), (304, Some("\"1\""), ""));
    assert_eq!(table.send("GET", &path, json!({"If-None-Match": "\"2\""}), "").await.status(), 200);
    let head = table.send("HEAD", &path, json!({}), "").await;
    assert_eq!((head.status(), head.header("ETag")), (200, Some("\"1\"")));
}

#[tokio::test]
async fn if_match_is_a_condition_of_the_write() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a"}"#).await);
    let title = r#"{"title":"b"}"#;
    for stale in ["\"2\"", "W/\"1\"", "\"x\""] {
        let refused = table.send("PUT", &path, json!({"If-Match": stale}), title).await;
        assert_eq!(refused.problem(), (412, "precondition-failed".into()), "{stale}");
        assert_eq!(table.send("DELETE", &path, json!({"If-Match": stale}), "").await.status(), 412);
    }
    let listed = table.send("PUT", &path, json!({"If-Match": "\"7\", \"1\""}), title).await;
    assert_eq!((listed.status(), listed.header("ETag")), (200, Some("\"2\"")));
    assert_eq!(table.send("PATCH", &path, json!({"If-Match": "*"}), r#"{"title":"c"}"#).await.status(), 200);
    let malformed = table.send("PUT", &path, json!({"If-Match": "3"}), r#"{"title":""}"#).await;
    assert_eq!(malformed.json()["errors"].as_array().unwrap().len(), 2, "both errors: {malformed:?}");
    assert_eq!(table.send("DELETE", &path, json!({"If-Match": "\"3\""}), "").await.status(), 204);
    assert_eq!(table.send("DELETE", &path, json!({"If-Match": "\"3\""}), "").await.status(), 404);
}

#[tokio::test]
async fn a_change_that_changes_nothing_keeps_the_version() {
    let table = Table::new().await;
    let id = table.create(r#"{"title":"a","dueAt":"2026-01-01T00:00:00Z"}"#).await;
    let path = format!("/tasks/{id}");
    let before = table.item(&id);
    for body in [r"{}", r#"{"title":" a "}"#, r#"{"status":"PENDING","dueAt":"2026-01-01T01:00:00+01:00"}"#] {
        let same = table.send("PUT", &path, json!({}), body).await;
        assert_eq!((same.status(), same.header("ETag")), (200, Some("\"1\"")), "{body}");
    }
    assert_eq!(table.item(&id), before);
    assert_eq!(table.send("PUT", &path, json!({"If-Match": "\"2\""}), "{}").await.status(), 412);
}

#[tokio::test]
async fn a_patch_with_null_clears_optional_fields() {
    let table = Table::new().await;
    let body = r#"{"title":"a","description":"words","dueAt":"2026-01-01T00:00:00Z"}"#;
    let path = format!("/tasks/{}", table.create(body).await);
    let merge = json!({"Content-Type": "application/merge-patch+json; charset=utf-8"});
    let patched =
        table.send("PATCH", &path, merge.clone(), r#"{"description":null,"dueAt":null}"#).await.json();
    assert_eq!((&patched["description"], &patched["dueAt"]), (&json!(""), &Value::Null));
    let again = table.send("PATCH", &path, merge.clone(), r#"{"description":null,"dueAt":null}"#).await;
    assert_eq!(again.header("ETag"), Some("\"2\""), "clearing twice changes nothing");
    let required = table.send("PATCH", &path, merge, r#"{"title":null}"#).await;
    assert_eq!(required.json()["errors"][0]["pointer"], "/title");
}

#[tokio::test]
async fn cancelled_is_final() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a","status":"CANCELLED"}"#).await);
    let refused = table.send("PUT", &path, json!({}), r#"{"status":"PENDING","title":"b"}"#).await;
    assert_eq!(refused.problem(), (409, "invalid-transition".into()));
    let stale_first = table.send("PUT", &path, json!({"If-Match": "\"9\""}), r#"{"status":"PENDING"}"#).await;
    assert_eq!(stale_first.status(), 412);
    let retitled = table.send("PUT", &path, json!({}), r#"{"status":"CANCELLED","title":"b"}"#).await;
    assert_eq!((retitled.status(), &retitled.json()["title"]), (200, &json!("b")));
}

#[tokio::test]
async fn an_idempotency_key_makes_one_task() {
    let table = Table::new().await;
    let key = json!({"Idempotency-Key": "order-7"});
    let body = r#"{"title":"a"}"#;
    let first = table.send("POST", "/tasks", key.clone(), body).await;
    let same = table.send("POST", "/tasks", key.clone(), r#"{ "title": " a " }"#).await;
    assert_eq!((same.status(), same.json()), (201, first.json()));
    assert_eq!(same.header("Location"), first.header("Location"));
    let other = table.send("POST", "/tasks", key.clone(), r#"{"title":"b"}"#).await;
    assert_eq!(other.problem(), (422, "idempotency-mismatch".into()));
    let elsewhere = table.send_as("others", "POST", "/tasks", key.clone(), body).await;
    assert_ne!(elsewhere.json()["id"], first.json()["id"], "keys are per owner");

    let path = format!("/tasks/{}", first.json()["id"].as_str().unwrap());
    table.send("PUT", &path, json!({}), r#"{"title":"changed"}"#).await;
    assert_eq!(
        table.send("POST", "/tasks", key.clone(), body).await.json(),
        first.json(),
        "the same response"
    );
    table.send("DELETE", &path, json!({}), "").await;
    assert_eq!(table.send("POST", "/tasks", key, body).await.json(), first.json());
    assert_eq!(
        table.send("GET", &path, json!({}), "").await.status(),
        404,
        "a replay does not bring it back"
    );
    let list = table.send("GET", "/tasks", json!({}), "").await.json();
    assert_eq!(list["items"], json!([]), "an idempotency record is not a task");
}

#[tokio::test]
async fn a_retry_completes_a_keyed_create_that_crashed_half_way() {
    let table = Table::new().await;
    let key = json!({"Idempotency-Key": "k"});
    let first = table.send("POST", "/tasks", key.clone(), r#"{"title":"a"}"#).await.json();
    let id = first["id"].as_str().unwrap();
    // As if the function had crashed between putting the idempotency record and the task.
    table.remove(id);
    assert_eq!(table.send("POST", "/tasks", key, r#"{"title":"a"}"#).await.json(), first);
    assert!(table.item(id).is_some());
}

#[tokio::test]
async fn lists_page_in_both_orders_and_by_status() {
    let table = Table::new().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        let status = if n % 2 == 0 { "PENDING" } else { "COMPLETED" };
        ids.push(table.create(&format!(r#"{{"title":"{n}","status":"{status}"}}"#)).await);
    }
    let newest: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(pages(&table, "limit=3").await, newest);
    assert_eq!(pages(&table, "limit=3&order=asc").await, ids);
    let pending: Vec<_> = newest.iter().step_by(2).cloned().collect();
    assert_eq!(pages(&table, "limit=1&status=PENDING").await, pending);
    assert_eq!(pages(&table, "status=CANCELLED").await, Vec::<String>::new());
    let all = table.send("GET", "/tasks", json!({}), "").await;
    assert_eq!((all.json().get("nextCursor"), all.header("Link")), (None, None));
}

/// Returns the ids of all pages, following `Link`.
pub async fn pages(table: &Table, query: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut target = format!("/tasks?{query}");
    for _ in 0..100 {
        let page = table.send("GET", &target, json!({}), "").await;
        assert_eq!(page.status(), 200, "{page:?}");
        let items = page.json()["items"].as_array().unwrap().clone();
        ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page.header("Link") {
            Some(link) => {
                let next =
                    link.strip_prefix("</dev").and_then(|l| l.strip_suffix(">; rel=\"next\"")).unwrap();
                assert!(next.ends_with(page.json()["nextCursor"].as_str().unwrap()));
                // The times in a link by due date; the gateway would decode them.
                target = next.replace("%3A", ":");
            }
            None => return ids,
        }
    }
    panic!("{query} has no end")
}

#[tokio::test]
async fn another_owners_tasks_do_not_exist() {
    let table = Table::new().await;
    let ours = table.create(r#"{"title":"ours"}"#).await;
    let path = format!("/tasks/{ours}");
    for (method, body) in [("GET", ""), ("PUT", r#"{"title":"x"}"#), ("PATCH", "{}"), ("DELETE", "")] {
        let foreign = table.send_as("thieves", method, &path, json!({}), body).await;
        assert_eq!(foreign.problem(), (404, "not-found".into()), "{method}");
    }
    table.create(r#"{"title":"ours too"}"#).await;
    let page = table.send("GET", "/tasks?limit=1", json!({}), "").await.json();
    let cursor = page["nextCursor"].as_str().unwrap();
    let stolen =
        table.send_as("thieves", "GET", &format!("/tasks?limit=1&cursor={cursor}"), json!({}), "").await;
    assert_eq!(stolen.problem(), (400, "invalid-cursor".into()));
    for forged in ["x", "AAAA", "%00", &"A".repeat(34), &format!("{cursor}A")] {
        let answer = table.send("GET", &format!("/tasks?limit=1&cursor={forged}"), json!({}), "").await;
        assert_eq!(answer.problem(), (400, "invalid-cursor".into()), "{forged}");
    }
}

#[tokio::test]
async fn a_tombstone_is_invisible() {
    let table = Table::new().await;
    let id = table.create(r#"{"title":"a"}"#).await;
    let mut tombstone = table.item(&id).unwrap();
    tombstone.insert("deletedBy".into(), dynoxide::AttributeValue::S("alice".into()));
    tombstone.remove("statusKey");
    table.import(vec![tombstone]);
    let path = format!("/tasks/{id}");
    for (method, body) in [("GET", ""), ("PUT", "{}"), ("PATCH", r#"{"title":"b"}"#), ("DELETE", "")] {
        assert_eq!(table.send(method, &path, json!({}), body).await.status(), 404, "{method}");
    }
    for query in ["", "?status=PENDING"] {
        let list = table.send("GET", &format!("/tasks{query}"), json!({}), "").await.json();
        assert_eq!(list["items"], json!([]), "{query}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_404_and_an_unsupported_method_405() {
    let table = Table::new().await;
    for (method, path, status, kind, allow) in [
        ("GET", "/nothing", 404, "not-found", None),
        ("GET", "/tasks/x/y", 404, "not-found", None),
        ("GET", "/tasks/not-an-id", 404, "not-found", None),
        ("DELETE", "/tasks", 405, "method-not-allowed", Some("GET, HEAD, OPTIONS, POST")),
        ("POST", "/tasks/x", 405, "method-not-allowed", Some("DELETE, GET, HEAD, OPTIONS, PATCH, PUT")),
        ("POST", "/health", 405, "method-not-allowed", Some("GET, HEAD, OPTIONS")),
    ] {
        let answer = table.send(method, path, json!({}), "{}").await;
        assert_eq!(answer.problem(), (status, kind.into()), "{method} {path}");
        assert_eq!(answer.header("Allow"), allow, "{method} {path}");
    }
    let problem = table.send("GET", "/nothing", json!({}), "").await.json();
    assert_eq!((&problem["instance"], &problem["status"]), (&json!("/dev/nothing"), &json!(404)));
    assert!(problem["requestId"].as_str().unwrap().starts_with("request-"));
}

#[tokio::test]
async fn a_body_of_another_type_or_beyond_the_limit_is_refused() {
    let table = Table::new().await;
    let xml = json!({"content-type": "application/xml"});
    let post = table.send("POST", "/tasks", xml.clone(), "<a/>").await;
    assert_eq!(post.problem(), (415, "unsupported-media-type".into()));
    assert_eq!(post.header("Accept-Post"), Some("application/json"));
    let path = format!("/tasks/{}", table.create(r#"{"title":"a"}"#).await);
    let merged = table.send("PATCH", &path, xml.clone(), "<a/>").await;
    assert_eq!(merged.header("Accept-Patch"), Some("application/merge-patch+json, application/json"));
    assert_eq!(table.send("PUT", &path, xml, "<a/>").await.status(), 415);

    let body = |length: usize| format!(r#"{{"title":"a","description":"{}"}}"#, "x".repeat(length));
    let framing = body(0).len();
    let full = table.send("POST", "/tasks", json!({}), &body(65_536 - framing)).await;
    assert_eq!(full.problem().0, 400, "the body fits, but the description is too long");
    let over = table.send("POST", "/tasks", json!({}), &body(65_537 - framing)).await;
    assert_eq!(over.problem(), (413, "payload-too-large".into()));
}

#[tokio::test]
async fn errors_in_query_headers_and_body_are_reported_at_once() {
    let table = Table::new().await;
    let headers = json!({"Idempotency-Key": "no spaces", "Content-Type": "application/json"});
    let answer = table.send("POST", "/tasks?x=1", headers, r#"{"title":"","colour":"red"}"#).await;
    assert_eq!(answer.problem(), (400, "invalid-request".into()));
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["?x", "Idempotency-Key", "/title", "/colour"]);
    assert_eq!(table.send("GET", "/tasks?limit=0&limit=1", json!({}), "").await.status(), 400);
}

#[tokio::test]
async fn an_unreachable_table_is_503_with_retry_after() {
    let table = Table::unreachable().await;
    let task = &format!("/tasks/{}", TaskId::new());
    // Nothing was sent, so the outcome is known: a write had no effect.
    for (method, target, headers, body) in [
        ("POST", "/tasks", json!({}), r#"{"title":"a"}"#),
        ("POST", "/tasks", json!({"Idempotency-Key": "k"}), r#"{"title":"a"}"#),
        ("GET", "/tasks", json!({}), ""),
        ("PUT", task, json!({}), r#"{"title":"a"}"#),
        ("DELETE", task, json!({"If-Match": "\"1\""}), ""),
    ] {
        let answer = table.send(method, target, headers, body).await;
        assert_eq!(answer.problem(), (503, "unavailable".into()));
        assert_eq!(answer.header("Retry-After"), Some("1"));
    }
    assert_eq!(table.send("GET", "/health", json!({}), "").await.status(), 200, "/health needs no table");
}

#[tokio::test]
async fn an_unreadable_item_does_not_fail_the_list() {
    let table = Table::new().await;
    let broken = table.create(r#"{"title":"a"}"#).await;
    let whole = table.create(r#"{"title":"b"}"#).await;
    let mut item = table.item(&broken).unwrap();
    item.remove("title");
    table.import(vec![item]);
    let list = table.send("GET", "/tasks", json!({}), "").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["id"], json!(whole));
    let get = table.send("GET", &format!("/tasks/{broken}"), json!({}), "").await;
    assert_eq!(get.problem(), (500, "internal".into()));
    assert!(!get.body().contains("title\" "), "no internal text");
}

#[tokio::test]
async fn updated_at_never_goes_back_whatever_the_clock_says() {
    const AHEAD: &str = "2099-01-01T00:00:00.000Z";
    let table = Table::new().await;
    let id = table.create(r#"{"title":"a"}"#).await;
    let mut item = table.item(&id).unwrap();
    item.insert("updatedAt".to_owned(), dynoxide::AttributeValue::S(AHEAD.to_owned()));
    table.import(vec![item]);
    let path = format!("/tasks/{id}");
    let changed = table.send("PUT", &path, json!({"If-Match": "\"1\""}), r#"{"title":"b"}"#).await;
    assert_eq!((changed.status(), changed.json()["updatedAt"].clone()), (200, json!(AHEAD)), "{changed:?}");
    assert_eq!(changed.header("ETag"), Some("\"2\""));
    let stale = table.send("PUT", &path, json!({"If-Match": "\"1\""}), r#"{"title":"c"}"#).await;
    assert_eq!(stale.problem(), (412, "precondition-failed".into()));
    assert_eq!(table.send("DELETE", &path, json!({}), "").await.status(), 204);
}

#[tokio::test]
async fn a_replay_says_so_and_completes_what_the_first_attempt_began() {
    let table = Table::new().await;
    let create =
        async || table.send("POST", "/tasks", json!({"Idempotency-Key": "k"}), r#"{"title":"a"}"#).await;
    let first = create().await;
    assert_eq!((first.status(), first.header("Idempotent-Replayed")), (201, None));
    let id = first.json()["id"].as_str().unwrap().to_owned();
    // A crash in between leaves the idempotency record without a task.
    table.remove(&id);
    for what in ["after the crash", "with the task there"] {
        let replay = create().await;
        assert_eq!((replay.status(), replay.json()), (201, first.json()), "{what}");
        assert_eq!(replay.header("Idempotent-Replayed"), Some("true"), "{what}");
        assert!(table.item(&id).is_some(), "{what}");
    }
    assert_eq!(table.send("DELETE", &format!("/tasks/{id}"), json!({}), "").await.status(), 204);
    let replay = create().await;
    assert_eq!((replay.status(), replay.json()), (201, first.json()));
    let tombstone = table.item(&id).expect("a tombstone, because the first put may still arrive");
    assert!(
        tombstone.contains_key("deletedBy") && !tombstone.contains_key("title"),
        "a deleted task stays deleted"
    );
}

#[tokio::test]
async fn a_list_by_assignee_has_that_assignees_tasks_only() {
    let table = Table::new().await;
    let mut ids = Vec::new();
    for assignee in ["ann", "ann#b", "Ann", "ann b/ü"] {
        ids.push(table.create(&json!({"title": "a", "assignee": assignee}).to_string()).await);
    }
    table.create(r#"{"title":"nobody's"}"#).await;
    let second = table.create(r#"{"title":"second","assignee":" ann "}"#).await;
    let list = async |query: &str| table.send("GET", &format!("/tasks?{query}"), json!({}), "").await;
    let found = |answer: &Value| -> Vec<String> {
        answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(found(&list("assignee=ann").await.json()), [second.clone(), ids[0].clone()]);
    for (assignee, id) in ["ann#b", "Ann", "ann b/ü"].iter().zip(&ids[1..]) {
        assert_eq!(
            found(&list(&format!("assignee={assignee}")).await.json()),
            std::slice::from_ref(id),
            "{assignee}"
        );
    }
    let first = list("assignee=ann&limit=1").await;
    let link = first.header("Link").unwrap();
    assert!(link.starts_with("</dev/tasks?assignee=ann&order=desc&limit=1&cursor="), "{link}");
    let cursor = first.json()["nextCursor"].as_str().unwrap().to_owned();
    let rest = list(&format!("assignee=ann&limit=1&cursor={cursor}")).await.json();
    assert_eq!(found(&rest), [ids[0].clone()]);
    assert_eq!(
        list(&format!("assignee=Ann&cursor={cursor}")).await.problem(),
        (400, "invalid-cursor".into())
    );
    assert_eq!(list("assignee=ann&status=PENDING").await.problem(), (400, "invalid-request".into()));

    let path = format!("/tasks/{second}");
    let cleared = table.send("PATCH", &path, json!({}), r#"{"assignee":null}"#).await.json();
    assert_eq!((&cleared["assignee"], &cleared["version"]), (&Value::Null, &json!(2)));
    assert_eq!(found(&list("assignee=ann").await.json()), [ids[0].clone()]);
}

#[tokio::test]
async fn a_link_to_the_next_page_escapes_the_assignee() {
    let table = Table::new().await;
    for _ in 0..2 {
        table.create(r#"{"title":"a","assignee":"a b/ü+%#"}"#).await;
    }
    let page = table.send("GET", "/tasks?assignee=a b/ü+%#&limit=1", json!({}), "").await;
    let link = page.header("Link").unwrap();
    assert!(link.contains("?assignee=a%20b%2F%C3%BC%2B%25%23&order="), "{link}");
}

/// The gateway takes `//tasks` for `/tasks`; as a reference it would name a host.
#[tokio::test]
async fn location_and_link_are_spelt_as_the_api_spells_them() {
    let table = Table::new().await;
    for _ in 0..2 {
        let created = table.send("POST", "//tasks", json!({}), r#"{"title":"a"}"#).await;
        assert!(created.header("Location").unwrap().starts_with("/dev/tasks/"), "{created:?}");
    }
    let list = table.send("GET", "//tasks?limit=1", json!({}), "").await;
    assert!(list.header("Link").unwrap().starts_with("</dev/tasks?order="), "{list:?}");
}
