//! The documents, as the gateway asks for them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::{fs, path::PathBuf};

use docs::{Docs, kind::Kinds, viewer::FILES};
use gateway::{
    edge::{EXPOSED_HEADERS, Edge, Origins},
    http::{Request, Response},
};
use serde_json::{Value, json};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const RATE_LIMIT_POLICY: &str = r#""default";q=500;w=1"#;

/// Returns the documents of a deployment whose viewer has these files.
fn docs(files: &[(&str, &str)]) -> Docs {
    let thread = std::thread::current();
    let folder: PathBuf = [env!("CARGO_TARGET_TMPDIR"), thread.name().unwrap()].iter().collect();
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    let origins = Origins::parse("https://a.example,https://b.example").unwrap();
    Docs::new(Edge { origins, rate_limit_policy: RATE_LIMIT_POLICY.into() }, folder)
}

fn send(docs: &Docs, method: &str, path: &str, headers: &Value) -> Response {
    let headers: serde_json::Map<String, Value> =
        headers.as_object().unwrap().iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    let (resource, name) = match path.strip_prefix('/').unwrap().split_once('/') {
        Some((folder, name)) => (format!("/{folder}/{{name}}"), Some(name)),
        None => (path.to_owned(), None),
    };
    let event = json!({
        "resource": resource, "path": path, "httpMethod": method, "multiValueHeaders": headers,
        "pathParameters": {"name": name}, "requestContext": {"path": format!("/dev{path}"), "stage": "dev"},
    });
    docs.handle(&serde_json::from_value::<Request>(event).unwrap(), "request-1")
}

fn get(docs: &Docs, path: &str) -> Response {
    send(docs, "GET", path, &json!({}))
}

fn json_of(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

#[test]
fn every_problem_type_has_a_page_in_html_for_browsers_and_in_json_for_programs() {
    let docs = docs(&[]);
    for (name, kind) in Kinds::of_the_api().all() {
        let path = format!("/problems/{name}");
        let page = send(&docs, "GET", &path, &json!({"Accept": "*/*"}));
        assert_eq!((page.status_code, page.headers["Content-Type"].as_str()), (200, "application/json"));
        let expected = json!({"type": format!("/dev{path}"), "title": kind.title, "status": kind.status,
            "meaning": kind.meaning, "advice": kind.advice});
        assert_eq!(json_of(&page), expected);

        let html = send(&docs, "GET", &path, &json!({"accept": BROWSER}));
        assert_eq!(
            (html.status_code, html.headers["Content-Type"].as_str()),
            (200, "text/html; charset=utf-8")
        );
        for text in [&kind.title, &kind.meaning, &kind.advice] {
            assert!(!text.is_empty() && html.body.contains(text.as_str()), "{path}: {text}");
        }
        assert!(
            html.headers["Content-Security-Policy"].starts_with("default-src 'none'; style-src 'sha256-")
        );
        for page in [page, html] {
            assert_eq!(page.headers["Cache-Control"], "public, max-age=3600");
            assert_eq!(page.headers["Vary"], "Accept, Accept-Encoding, Origin");
        }
    }
}

#[test]
fn the_document_names_the_stage_that_serves_it() {
    let docs = docs(&[]);
    let served = get(&docs, "/openapi.json");
    assert_eq!((served.status_code, served.headers["Content-Type"].as_str()), (200, "application/json"));
    let mut document = json_of(&served);
    assert_eq!(document["servers"][0]["url"], "/dev");
    let file: Value = serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap();
    document["servers"] = file["servers"].clone();
    assert_eq!(document, file);
    // A custom domain without a base path.
    assert_eq!(json_of(&docs::openapi::document(""))["servers"][0]["url"], "/");
}

#[test]
fn the_page_loads_only_files_that_there_are() {
    let files = FILES.map(|(name, _)| (name, "text"));
    let docs = docs(&files);
    let page = get(&docs, "/docs");
    assert_eq!(page.headers["Content-Type"], "text/html; charset=utf-8");
    let asked = page.body.split('"').filter_map(|part| part.strip_prefix("/dev")).collect::<Vec<_>>();
    assert_eq!(asked.len(), 5, "{asked:?}");
    for path in asked {
        let file = get(&docs, path);
        assert_eq!(file.status_code, 200, "{path}");
        assert_eq!(file.headers["X-Content-Type-Options"], "nosniff");
    }
    for (name, media_type) in FILES {
        let file = get(&docs, &format!("/docs/{name}"));
        assert_eq!((file.headers["Content-Type"].as_str(), file.body.as_str()), (media_type, "text"));
    }
    let policy = &page.headers["Content-Security-Policy"];
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';")
            && !policy.contains("unsafe")
    );
}

#[test]
fn what_a_client_has_is_not_sent_again() {
    let docs = docs(&[]);
    for path in ["/openapi.json", "/docs", "/docs/page.js", "/problems/internal"] {
        let first = get(&docs, path);
        let tag = first.headers["ETag"].as_str();
        assert!(tag.starts_with("W/\""), "{tag}");
        for known in [tag, &tag[2..], "*", &format!("\"x\", {tag}")] {
            let again = send(&docs, "GET", path, &json!({"If-None-Match": known}));
            assert_eq!(
                (again.status_code, again.body.as_str(), again.headers["ETag"].as_str()),
                (304, "", tag),
                "{path}"
            );
        }
        assert_eq!(send(&docs, "GET", path, &json!({"If-None-Match": "\"x\""})).body, first.body);
        assert_eq!(send(&docs, "HEAD", path, &json!({})).body, first.body, "the gateway strips it");
    }
}

#[test]
fn every_other_path_and_method_is_a_problem() {
    let docs = docs(&[]);
    for unknown in [
        "/problems/x",
        "/problems/",
        "/problems",
        "/problems/internal/x",
        "/docs/x",
        "/docs/../bootstrap",
        "/x",
    ] {
        let missing = get(&docs, unknown);
        assert_eq!(
            (missing.status_code, missing.headers["Content-Type"].as_str()),
            (404, "application/problem+json"),
            "{unknown}"
        );
        assert_eq!(json_of(&missing)["type"], "/dev/problems/not-found");
    }
    for path in ["/openapi.json", "/docs", "/docs/page.js", "/problems/internal"] {
        let refused = send(&docs, "POST", path, &json!({}));
        assert_eq!((refused.status_code, refused.headers["Allow"].as_str()), (405, "GET, HEAD, OPTIONS"));
        let expected = json!({"type": "/dev/problems/method-not-allowed", "title": "Method not allowed", "status": 405,
            "detail": "This path supports GET, HEAD, OPTIONS.", "instance": format!("/dev{path}"), "requestId": "request-1"});
        assert_eq!(json_of(&refused), expected);
    }
    // A build without the viewer.
    let broken = get(&docs, "/docs/swagger-ui.css");
    assert_eq!((broken.status_code, &json_of(&broken)["type"]), (500, &json!("/dev/problems/internal")));
    assert!(!broken.body.contains("No such file"), "{broken:?}");
}

#[test]
fn every_response_has_the_headers_of_the_api() {
    let docs = docs(&[]);
    for path in ["/openapi.json", "/docs", "/docs/page.css", "/problems/internal", "/problems/x"] {
        let response = send(&docs, "GET", path, &json!({"Origin": "https://b.example"}));
        for (name, value) in [
            ("Access-Control-Allow-Origin", "https://b.example"),
            ("Access-Control-Expose-Headers", EXPOSED_HEADERS),
            ("RateLimit-Policy", RATE_LIMIT_POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Request-Id", "request-1"),
        ] {
            assert_eq!(response.headers[name], value, "{path}");
        }
    }
}
