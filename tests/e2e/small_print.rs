//! The fine print of docs/api.md, where the gateway is involved.

use serde_json::{Value, json};

use crate::{
    document,
    stack::{eventually, shared},
};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// `{"title":"inflated"}`, compressed.
const GZIPPED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\xc9\x2c\xc9\x49\x55\xb2\x52\xca\xcc\x4b\xcb\x49\x2c\x49\x4d\x51\xaa\x05\x00\x18\x10\xf3\x61\x14\x00\x00\x00";

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_400_and_nothing_altered_is_stored() {
    let app = shared().await;
    let token = ("Authorization", app.outputs.token.as_str());
    let broken = || Some(b"{\"title\":\"latin \xe9\"}".to_vec());
    let charset = ("Content-Type", "application/json; charset=utf-8");
    for headers in [&[token, JSON][..], &[token, charset], &[token]] {
        let refused = app.send("POST", "/tasks", headers, broken()).await;
        assert_eq!(refused.problem(), (400, "invalid-request".into()), "{headers:?}");
    }
    let path = format!("/tasks/{}", app.create("latin").await);
    let merge = ("Content-Type", "application/merge-patch+json");
    assert_eq!(app.send("PATCH", &path, &[token, merge], broken()).await.problem().0, 400);
    assert_eq!(app.call("GET", &path, Value::Null).await.json()["title"], "latin");
    let sound = "{\"title\":\"latin é 🚀\"}".as_bytes().to_vec();
    assert_eq!(app.send("PATCH", &path, &[token, merge], Some(sound)).await.json()["title"], "latin é 🚀");
}

#[tokio::test]
async fn the_largest_task_in_escapes_fits_and_can_be_put_back_as_it_was_read() {
    let app = shared().await;
    let token = ("Authorization", app.outputs.token.as_str());
    let escaped = |count| r"\ud83d\ude80".repeat(count);
    let body = format!(r#"{{"title":"{}","description":"{}"}}"#, escaped(200), escaped(4_000));
    let created = app.send("POST", "/tasks", &[token, JSON], Some(body.into())).await;
    assert_eq!(created.status, 201, "{created:?}");
    let path = format!("/tasks/{}", created.json()["id"].as_str().unwrap());
    let mut task = app.call("GET", &path, Value::Null).await.json();
    assert_eq!(app.call("PUT", &path, task.clone()).await.header("ETag"), Some("\"1\""));
    task["status"] = json!("COMPLETED");
    assert_eq!(app.call("PUT", &path, task.clone()).await.header("ETag"), Some("\"2\""));
    task["priority"] = json!("LOW");
    let stale = app.call("PUT", &path, task).await;
    assert_eq!((stale.problem().0, &stale.json()["errors"][0]["pointer"]), (400, &json!("/version")));
}

#[tokio::test]
async fn all_lines_of_a_precondition_are_enforced() {
    let app = shared().await;
    let token = ("Authorization", app.outputs.token.as_str());
    let path = format!("/tasks/{}", app.create("several lines").await);
    let change = || Some(br#"{"priority":"HIGH"}"#.to_vec());
    let none = [token, JSON, ("If-None-Match", "\"1\""), ("If-None-Match", "\"9\"")];
    assert_eq!(app.send("PUT", &path, &none, change()).await.problem(), (412, "precondition-failed".into()));
    let some = [token, JSON, ("If-Match", "\"1\""), ("If-Match", "\"9\"")];
    assert_eq!(app.send("PUT", &path, &some, change()).await.header("ETag"), Some("\"2\""));
}

#[tokio::test]
async fn head_has_the_headers_and_length_of_get_and_no_body() {
    let app = shared().await;
    let path = format!("/tasks/{}", app.create("head").await);
    let (get, head) = (app.call("GET", &path, Value::Null).await, app.call("HEAD", &path, Value::Null).await);
    assert_eq!((head.status, head.body.as_str()), (get.status, ""));
    let length = get.body.len().to_string();
    assert_eq!(head.header("Content-Length"), Some(length.as_str()));
    for name in ["ETag", "Content-Type", "Cache-Control", "RateLimit-Policy"] {
        assert!(head.header(name).is_some() && head.header(name) == get.header(name), "{name}: {head:?}");
    }
}

#[tokio::test]
async fn a_user_agent_cannot_forge_fields_of_the_access_log() {
    let app = shared().await;
    let forged = r#"forger-51f0","status":"200","principalId":"admin","ip":"192.0.2.7","errorType":"-"#;
    let headers = [("User-Agent", forged), ("Authorization", "wrong")];
    assert_eq!(app.send("GET", "/tasks", &headers, None).await.problem().0, 401);
    let line = eventually("the access-log line", async || {
        app.log("/tasks/dev/access").await.into_iter().find(|line| line.contains("forger-51f0"))
    });
    let line = line.await;
    let read: Value = serde_json::from_str(&line).expect("one JSON object");
    assert_eq!((&read["status"], &read["errorType"]), (&json!("401"), &json!("UNAUTHORIZED")), "{line}");
    assert_ne!((&read["principalId"], &read["ip"]), (&json!("admin"), &json!("192.0.2.7")));
}

#[tokio::test]
async fn every_response_states_the_rate_limit_and_what_scripts_may_read_and_send() {
    let app = shared().await;
    let policy = Some(r#""default";q=500;w=1"#);
    let (token, wrong) = (("Authorization", app.outputs.token.as_str()), ("Authorization", "wrong"));
    for (method, path, header) in [
        ("GET", "/tasks", token),
        ("GET", "/nothing", token),
        ("GET", "/tasks", wrong),
        ("GET", "/problems/internal", wrong),
    ] {
        let answer = app.send(method, path, &[header], None).await;
        assert_eq!(answer.header("RateLimit-Policy"), policy, "{method} {path}: {answer:?}");
        let exposed = answer.header("Access-Control-Expose-Headers").unwrap();
        for name in
            ["Accept-Post", "Accept-Patch", "Idempotent-Replayed", "RateLimit-Policy", "WWW-Authenticate"]
        {
            assert!(exposed.contains(name), "{name}: {exposed}");
        }
    }
    let preflight = app.send("OPTIONS", "/tasks", &[("Origin", "https://app.example")], None).await;
    assert_eq!(preflight.header("RateLimit-Policy"), policy);
    let allowed = preflight.header("Access-Control-Allow-Headers").unwrap();
    for name in ["If-None-Match", "Idempotency-Key", "traceparent", "tracestate"] {
        assert!(allowed.contains(name), "{name}: {allowed}");
    }
}

#[tokio::test]
async fn a_preflight_with_a_body_is_answered_and_one_of_another_type_is_415() {
    let app = shared().await;
    for headers in [&[][..], &[JSON], &[("Content-Type", "application/json; charset=utf-8")]] {
        for body in [None, Some(b"{}".to_vec()), Some(b"\xff".to_vec())] {
            assert_eq!(app.send("OPTIONS", "/tasks", headers, body).await.status, 204, "{headers:?}");
        }
    }
    let text = app.send("OPTIONS", "/tasks", &[("Content-Type", "text/plain")], Some(b"x".to_vec())).await;
    assert_eq!(text.problem(), (415, "unsupported-media-type".into()));
}

#[tokio::test]
async fn long_responses_are_compressed_and_compressed_bodies_are_read() {
    let app = shared().await;
    let token = ("Authorization", app.outputs.token.as_str());
    let created =
        app.call("POST", "/tasks", json!({"title": "long", "description": "x".repeat(2_000)})).await;
    assert_eq!(created.header("Content-Encoding"), None, "it was not asked for");
    let path = format!("/tasks/{}", created.json()["id"].as_str().unwrap());
    let gzip = ("Accept-Encoding", "gzip, deflate, br");
    let packed = app.send("GET", &path, &[token, gzip], None).await;
    assert_eq!((packed.status.as_u16(), packed.header("Content-Encoding")), (200, Some("gzip")));
    let length: usize = packed.header("Content-Length").unwrap().parse().unwrap();
    assert!(length < created.body.len() / 2, "{length}");
    let short = app.send("GET", "/health", &[gzip], None).await;
    assert_eq!(short.header("Content-Encoding"), None);

    let coding = ("Content-Encoding", "gzip");
    let inflated = app.send("POST", "/tasks", &[token, JSON, coding], Some(GZIPPED.to_vec())).await;
    assert_eq!((inflated.status.as_u16(), &inflated.json()["title"]), (201, &json!("inflated")));
    let lie = app.send("POST", "/tasks", &[token, JSON, coding], Some(b"{}".to_vec())).await;
    assert_eq!(lie.problem(), (415, "unsupported-media-type".into()));
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_page_without_a_token() {
    let app = shared().await;
    let base = app.outputs.api_url.as_str();
    let origin = &base[..base.match_indices('/').nth(2).unwrap().0];
    let (token, wrong) = (("Authorization", app.outputs.token.as_str()), ("Authorization", "wrong"));
    for (method, path, header) in [
        ("GET", "/tasks/none", token),
        ("GET", "", token),
        ("GET", "/nothing/", token),
        ("DELETE", "/tasks", token),
        ("POST", "/health", token),
        ("GET", "/problems/none", token),
        ("GET", "/tasks", wrong),
    ] {
        let answer = app.send(method, path, &[header], None).await;
        let (problem, (status, kind)) = (answer.json(), answer.problem());
        // The gateway builds `type` from its stage alone, which is the whole base path only on AWS.
        if status != 401 {
            assert_eq!(
                format!("{origin}{}", problem["type"].as_str().unwrap()),
                format!("{base}/problems/{kind}"),
                "{path}"
            );
        }
        let page = app.send("GET", &format!("/problems/{kind}"), &[], None).await;
        assert_eq!((page.status.as_u16(), &page.json()["title"]), (200, &problem["title"]), "{kind}");
        assert_eq!(page.json()["status"], problem["status"]);
    }
    let html = app.send("GET", "/problems/outcome-unknown", &[("Accept", "text/html,*/*;q=0.8")], None).await;
    assert_eq!(html.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(
        html.body.contains("<h1>Outcome unknown</h1>") && html.header("Content-Security-Policy").is_some()
    );
    assert_eq!(app.send("OPTIONS", "/problems/internal", &[], None).await.status, 204);
    assert_eq!(app.send("HEAD", "/problems/internal", &[], None).await.body, "");
}

#[tokio::test]
async fn the_documents_need_no_token_and_stay_in_the_browsers_cache() {
    let app = shared().await;
    let gzip = ("Accept-Encoding", "gzip");
    for (path, media_type) in [
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/page.js", "text/javascript; charset=utf-8"),
        ("/docs/page.css", "text/css; charset=utf-8"),
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("/docs/swagger-ui-bundle.js.LICENSE.txt", "text/plain; charset=utf-8"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8"),
    ] {
        let found = app.send("GET", path, &[gzip], None).await;
        assert_eq!((found.status.as_u16(), found.header("Content-Type")), (200, Some(media_type)), "{path}");
        assert_eq!(found.header("Access-Control-Allow-Origin"), Some("*"), "{path}");
        let tag = found.header("ETag").unwrap();
        let again = app.send("GET", path, &[("If-None-Match", tag)], None).await;
        assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""), "{path}");
        assert_eq!(app.send("HEAD", path, &[], None).await.body, "", "{path}");
        assert_eq!(app.send("DELETE", path, &[], None).await.problem(), (405, "method-not-allowed".into()));
        assert_eq!(app.send("OPTIONS", path, &[], None).await.status, 204, "{path}");
    }
    let bundle = app.send("GET", "/docs/swagger-ui-bundle.js", &[gzip], None).await;
    assert_eq!(bundle.header("Content-Encoding"), Some("gzip"));
    assert_eq!(app.send("GET", "/docs/none", &[], None).await.problem(), (404, "not-found".into()));
    let document = app.send("GET", "/openapi.json", &[], None).await.json();
    let base = app.outputs.api_url.as_str();
    assert!(base.ends_with(document["servers"][0]["url"].as_str().unwrap()), "{document}");
}

/// A client made of the document sends nothing that is malformed, and refuses nothing that the service would take.
#[tokio::test]
async fn the_document_and_the_service_allow_the_same_tags_and_cursors() {
    let app = shared().await;
    let token = ("Authorization", app.outputs.token.as_str());
    let path = format!("/tasks/{}", app.create("by the document").await);
    let tags = |count| vec!["\"7\""; count].join(", ");
    for (value, allowed) in [
        ("*", true),
        (r#""7""#, true),
        (r#"W/"7", "x y",,"" ,"#, true),
        (&tags(50), true),
        (&tags(51), false),
        ("7", false),
        (r#""7"#, false),
        (r#""7" "8""#, false),
        (r#"W/ "7""#, false),
        (r#"*, "7""#, false),
        (",", false),
    ] {
        for header in ["If-Match", "If-None-Match"] {
            assert_eq!(
                document::allows(&format!("parameters/{header}/schema"), &json!(value)),
                allowed,
                "{value}"
            );
            let answer = app.send("PUT", &path, &[token, JSON, (header, value)], Some(b"{}".to_vec())).await;
            assert_eq!(answer.status != 400, allowed, "{header}: {value}: {answer:?}");
        }
    }
    for cursor in ["a+b", "AQID=", "%20", ""] {
        assert!(!document::allows("parameters/cursor/schema", &json!(cursor)), "{cursor}");
        let refused = app.call("GET", &format!("/tasks?cursor={cursor}"), Value::Null).await;
        assert_eq!(refused.problem(), (400, "invalid-cursor".into()), "{cursor}");
    }
}
