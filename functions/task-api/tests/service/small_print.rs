//! The fine print of docs/api.md: details that careful clients depend on.

use serde_json::{Value, json};

use task_api::{api::BODY_MAX, problem::kind};
use tasks::{
    item::Field,
    task::{ASSIGNEE_MAX, DESCRIPTION_MAX, TITLE_MAX},
};

use crate::table::{RATE_LIMIT_POLICY, Table};

#[tokio::test]
async fn every_valid_task_fits_into_a_body_even_with_each_character_as_two_escapes() {
    let table = Table::new().await;
    let escaped = r"\ud83d\ude80";
    let longest = |field: Field| match field {
        Field::Title => escaped.repeat(TITLE_MAX),
        Field::Description => escaped.repeat(DESCRIPTION_MAX),
        Field::Status => "IN_PROGRESS".to_owned(),
        Field::Priority => "NORMAL".to_owned(),
        Field::DueAt => "2026-12-24T18:00:00.000+01:00".to_owned(),
        Field::Assignee => escaped.repeat(ASSIGNEE_MAX),
    };
    let members = Field::ALL.map(|field| format!(r#""{}":"{}""#, field.name(), longest(field)));
    let body = format!("{{{}}}", members.join(","));
    let created = table.send("POST", "/tasks", json!({}), &body).await;
    assert_eq!(created.status(), 201, "{} bytes", body.len());
    let mut task = created.json();
    assert_eq!(task["description"], json!("🚀".repeat(4_000)));
    task["title"] = json!("read and put back");
    let path = format!("/tasks/{}", task["id"].as_str().unwrap());
    assert_eq!(table.send("PUT", &path, json!({}), &task.to_string()).await.status(), 200);
    let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    assert_eq!(table.send("PUT", &path, json!({}), &padded(BODY_MAX)).await.status(), 200);
    assert_eq!(table.send("PUT", &path, json!({}), &padded(BODY_MAX + 1)).await.problem().0, 413);
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_refused_and_never_stored_altered() {
    let table = Table::new().await;
    let typed = json!({"Content-Type": "application/json"});
    for broken in [
        &b"{\"title\":\"a\xff\"}"[..],
        b"{\"title\":\"\xed\xa0\x80\"}",
        b"\xff\xfe{\0}\0",
        b"{\"title\":\"\xc3\"}",
    ] {
        let refused = table.send_bytes("POST", "/tasks", typed.clone(), broken).await;
        assert_eq!(refused.problem(), (400, "invalid-request".into()), "{broken:?}");
        assert_eq!(refused.json()["errors"][0]["code"], "syntax");
    }
    // Without a media type the gateway may take the body for text and replace invalid UTF-8 by U+FFFD.
    let replaced = table.send("POST", "/tasks", json!({}), "{\"title\":\"a\u{FFFD}\"}").await;
    assert_eq!(replaced.problem().0, 400);
    assert_eq!(table.send("GET", "/tasks", json!({}), "").await.json()["items"], json!([]));
    let meant = table.send_bytes("POST", "/tasks", typed, "{\"title\":\"a\u{FFFD}\"}".as_bytes()).await;
    assert_eq!((meant.status(), &meant.json()["title"]), (201, &json!("a\u{FFFD}")));
}

#[tokio::test]
async fn head_is_answered_like_get_so_that_the_gateway_can_send_the_length() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a"}"#).await);
    for path in [path.as_str(), "/tasks", "/health", "/nothing"] {
        let (get, head) =
            (table.send("GET", path, json!({}), "").await, table.send("HEAD", path, json!({}), "").await);
        assert_eq!((head.status(), head.body().len()), (get.status(), get.body().len()), "{path}");
        assert_eq!(head.header("ETag"), get.header("ETag"));
    }
}

#[tokio::test]
async fn if_none_match_is_a_condition_of_the_write() {
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
    assert_eq!(created.status(), 201, "there is nothing yet that could match");
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
async fn several_lines_of_a_header_make_one_list() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a"}"#).await);
    for lines in [["\"1\"", "\"9\""], ["\"9\"", "\"1\""]] {
        let none = json!({"If-None-Match": lines});
        assert_eq!(table.send("GET", &path, none.clone(), "").await.status(), 304, "{lines:?}");
        assert_eq!(table.send("PUT", &path, none, r#"{"title":"b"}"#).await.status(), 412, "{lines:?}");
        let some = json!({"If-Match": lines});
        assert_eq!(table.send("PUT", &path, some, r#"{"title":"a"}"#).await.status(), 200, "{lines:?}");
    }
    let two_keys = json!({"Idempotency-Key": ["a", "b"]});
    let refused = table.send("POST", "/tasks", two_keys, r#"{"title":"a"}"#).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "Idempotency-Key", "{refused:?}");
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
        // The same time in a different notation, as a client's date type may write it.
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
        "a new task must state none of them: {post:?}"
    );
}

#[tokio::test]
async fn the_reasons_to_refuse_an_update_have_an_order() {
    let table = Table::new().await;
    let path = format!("/tasks/{}", table.create(r#"{"title":"a","status":"CANCELLED"}"#).await);
    let form = json!({"Content-Type": "application/x-www-form-urlencoded"});
    assert_eq!(table.send("PUT", "/tasks/malformed?a=1", form, "{").await.status(), 415);
    assert_eq!(table.send("PUT", "/tasks/malformed?a=1", json!({}), "\u{FFFD}").await.status(), 400);
    assert_eq!(table.send("PUT", "/tasks/malformed?a=1", json!({}), &" ".repeat(65_537)).await.status(), 413);
    assert_eq!(table.send("PUT", "/tasks/malformed?a=1", json!({}), "{").await.status(), 404);
    assert_eq!(table.send("PUT", &path, json!({"If-Match": "\"9\""}), "{").await.status(), 400);
    let stale = json!({"If-Match": "\"9\""});
    let body = r#"{"version":9,"status":"PENDING"}"#;
    assert_eq!(table.send("PUT", &path, stale, body).await.status(), 412);
    assert_eq!(table.send("PUT", &path, json!({}), body).await.status(), 409);
    assert_eq!(table.send("PUT", &path, json!({}), r#"{"version":9}"#).await.status(), 400);
    table.send("DELETE", &path, json!({}), "").await;
    assert_eq!(table.send("PUT", &path, json!({"If-None-Match": "*"}), body).await.status(), 404);
}

#[tokio::test]
async fn a_due_date_is_rfc_3339_exactly() {
    let table = Table::new().await;
    for (text, status) in [
        ("2026-03-01T00:00:00Z", 201),
        ("2026-03-01t00:00:00.5z", 201),
        ("2026-03-01 00:00:00Z", 400),
        ("2026-03-01_00:00:00Z", 400),
        ("2026-03-01T00:00:00", 400),
        ("2026-03-01T00:00:00+0100", 400),
    ] {
        let body = json!({"title": "a", "dueAt": text}).to_string();
        assert_eq!(table.send("POST", "/tasks", json!({}), &body).await.status(), status, "{text}");
    }
}

#[tokio::test]
async fn at_most_fifty_errors_are_listed() {
    let table = Table::new().await;
    let unknown: Vec<_> = (0..60).map(|n| format!(r#""x{n}":1"#)).collect();
    let refused = table.send("POST", "/tasks", json!({}), &format!("{{{}}}", unknown.join(","))).await;
    assert_eq!(refused.problem().0, 400);
    let problem = refused.json();
    assert_eq!(problem["errors"].as_array().unwrap().len(), 50);
    assert!(problem["detail"].as_str().unwrap().contains("61 errors"), "the title is missing too: {problem}");
    // As many duplicates as fit into a body are counted in one pass.
    let pairs: Vec<_> = (0..3_000).map(|n| format!(r#""{n}":1,"{n}":1"#)).collect();
    let refused = table.send("POST", "/tasks", json!({}), &format!("{{{}}}", pairs.join(","))).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("3001 errors"));
}

#[tokio::test]
async fn a_title_needs_a_visible_character_and_an_older_one_without_stays_readable() {
    let table = Table::new().await;
    for invisible in ["\u{200B}", "\u{2800} \u{3164}", "\u{301}", "\u{202E}\u{FEFF}"] {
        let refused = table.send("POST", "/tasks", json!({}), &json!({"title": invisible}).to_string()).await;
        assert_eq!(refused.json()["errors"][0]["pointer"], "/title", "{invisible:?}");
    }
    let id = table.create(r#"{"title":"👩\u200d🚀"}"#).await;
    let mut old = table.item(&id).unwrap();
    old.insert("title".into(), dynoxide::AttributeValue::S("\u{200B}".into()));
    table.import(vec![old]);
    let path = format!("/tasks/{id}");
    assert_eq!(table.send("GET", &path, json!({}), "").await.json()["title"], "\u{200B}");
    assert_eq!(table.send("PUT", &path, json!({}), r#"{"status":"COMPLETED"}"#).await.status(), 200);
}

#[tokio::test]
async fn every_response_states_the_rate_limit_and_exposes_its_headers() {
    let table = Table::new().await;
    for (method, path) in [("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/nothing"), ("GET", "/health")] {
        let answer = table.send(method, path, json!({}), "").await;
        assert_eq!(answer.header("RateLimit-Policy"), Some(RATE_LIMIT_POLICY), "{method} {path}");
        let exposed: Vec<_> = answer.header("Access-Control-Expose-Headers").unwrap().split(", ").collect();
        for name in [
            "Accept-Post",
            "Accept-Patch",
            "ETag",
            "Idempotent-Replayed",
            "Link",
            "Location",
            "RateLimit-Policy",
        ] {
            assert!(exposed.contains(&name), "{name}: {exposed:?}");
        }
    }
}

#[test]
fn the_docs_list_exactly_the_kinds_of_problems() {
    let docs = include_str!("../../../../docs/api.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `/problems/")?.split_once("` | "));
    let listed: Vec<_> = rows.map(|(name, row)| (name, row.split(' ').next().unwrap_or_default())).collect();
    for kind in kind::ALL {
        assert!(listed.contains(&(kind.name, kind.status.to_string().as_str())), "{kind:?}: {listed:?}");
    }
    for (name, _) in listed {
        assert!(kind::Kind::named(name).is_some(), "{name}");
    }
}
