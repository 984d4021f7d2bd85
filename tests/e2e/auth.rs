//! Who may call the API, and how everybody else is refused.

use serde_json::{Value, json};

use crate::{
    document::operations,
    stack::{alone, eventually, shared},
};

#[tokio::test]
async fn a_call_without_a_valid_token_is_401() {
    let app = shared().await;
    let bearer_of_nobody = format!("Bearer {}x", app.outputs.token);
    for headers in [
        vec![],
        vec![("Authorization", "")],
        vec![("Authorization", "Bearer")],
        vec![("Authorization", "nobody's")],
        vec![("Authorization", "Basic dXNlcjpwYXNz")],
        vec![("Authorization", bearer_of_nobody.as_str())],
    ] {
        for (method, path) in [("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/nothing"), ("GET", "")] {
            let refused = app.call_with(method, path, &headers, Value::Null).await;
            assert_eq!(refused.problem(), (401, "unauthorized".into()), "{method} {path} {headers:?}");
            assert_eq!(refused.header("WWW-Authenticate"), Some(r#"Bearer error="invalid_token""#));
        }
    }
}

/// The document names every operation, so that none can be forgotten here.
#[tokio::test]
async fn every_operation_refuses_a_missing_token_a_wrong_one_and_one_without_its_scope() {
    let app = shared().await;
    for operation in operations() {
        let (method, path) = (operation.method.as_str(), operation.path.as_str());
        for headers in [&[][..], &[("Authorization", "Bearer nobody's")]] {
            let status = app.send(method, path, headers, None).await.status;
            assert_eq!(status == 401, operation.needs_token, "{method} {path} {headers:?}: {status}");
        }
        assert_eq!(operation.documents(401), operation.needs_token, "{method} {path}");
        assert_eq!(operation.documents(403), operation.scope.is_some(), "{method} {path}");
        let without_it = match operation.scope.as_deref() {
            Some("tasks:read") => &app.outputs.write_only_token,
            Some("tasks:write") => &app.outputs.read_only_token,
            Some(other) => panic!("no token lacks {other}: give the local AWS one"),
            None => continue,
        };
        let refused = app.send(method, path, &[("Authorization", without_it)], None).await;
        assert_eq!(refused.status, 403, "{method} {path}");
    }
}

#[tokio::test]
async fn bare_and_bearer_tokens_are_accepted_on_one_path_after_another() {
    let app = shared().await;
    for authorization in [app.outputs.token.clone(), format!("Bearer {}", app.outputs.token)] {
        let headers = [("Authorization", authorization.as_str())];
        // The policy of the first call is cached: it must also cover the next path and method.
        assert_eq!(app.call_with("GET", "/tasks?limit=1", &headers, Value::Null).await.status, 200);
        let created = app.call_with("POST", "/tasks", &headers, json!({"title": "auth"})).await;
        assert_eq!(created.status, 201);
        let path = format!("/tasks/{}", created.json()["id"].as_str().unwrap());
        assert_eq!(app.call_with("GET", &path, &headers, Value::Null).await.status, 200);
        assert_eq!(app.call_with("DELETE", &path, &headers, Value::Null).await.status, 204);
    }
}

#[tokio::test]
async fn a_read_only_token_reads_and_may_not_write() {
    let app = shared().await;
    let path = format!("/tasks/{}", app.create("read only").await);
    let headers = [("Authorization", app.outputs.read_only_token.as_str())];
    for (method, path) in [("POST", "/tasks"), ("PUT", &path), ("PATCH", &path), ("DELETE", &path)] {
        let refused = app.call_with(method, path, &headers, json!({"title": "x"})).await;
        assert_eq!(refused.problem(), (403, "forbidden".into()), "{method} {path}");
        let challenge = r#"Bearer error="insufficient_scope", scope="tasks:write""#;
        assert_eq!(refused.header("x-amzn-Remapped-WWW-Authenticate"), Some(challenge));
        let id = refused.header("X-Request-Id").unwrap();
        let pattern = json!(format!(r#"{{ $.reason = "insufficient-scope" && $.request_id = "{id}" }}"#));
        let line = eventually("the line of a refusal", async || {
            app.matches("/tasks/dev/task-api", &pattern).await.pop()
        });
        let line: Value = serde_json::from_str(&line.await).unwrap();
        assert_eq!(line["method"], method);
        for member in ["principal", "source_ip", "route", "gateway_request_id"] {
            assert!(line[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {line}");
        }
        let pattern = json!(format!(r#"{{ $.integrationRequestId = "{id}" }}"#));
        let access = eventually("the line of a 403 in the access log", async || {
            app.matches("/tasks/dev/access", &pattern).await.pop()
        });
        let access: Value = serde_json::from_str(&access.await).unwrap();
        assert_eq!(
            (&access["status"], &access["principalId"]),
            (&json!("403"), &line["principal"]),
            "{access}"
        );
        assert!(access["credential"].as_str().is_some_and(|digits| digits.len() == 8), "{access}");
    }
    assert_eq!(app.call_with("GET", &path, &headers, Value::Null).await.status, 200);
    assert_eq!(app.call_with("HEAD", &path, &headers, Value::Null).await.body, "");
}

#[tokio::test]
async fn another_owner_sees_nothing() {
    let app = shared().await;
    let path = format!("/tasks/{}", app.create("mine").await);
    app.create("mine too").await;
    let page = app.call("GET", "/tasks?limit=1", Value::Null).await.json();
    let cursor = page["nextCursor"].as_str().unwrap();
    let headers = [("Authorization", app.outputs.other_owner_token.as_str())];
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let body = if method.starts_with('P') { json!({"title": "theirs"}) } else { Value::Null };
        let foreign = app.call_with(method, &path, &headers, body).await;
        assert_eq!(foreign.problem(), (404, "not-found".into()), "{method}");
    }
    let list = app.call_with("GET", "/tasks", &headers, Value::Null).await;
    assert_eq!(list.json()["items"], json!([]));
    let stolen =
        app.call_with("GET", &format!("/tasks?limit=1&cursor={cursor}"), &headers, Value::Null).await;
    assert_eq!(stolen.problem(), (400, "invalid-cursor".into()));
}

/// Uses the patterns of the deployed metric filters, on which the alarm for crashes is based.
#[tokio::test]
async fn a_refused_token_counts_as_refused_and_not_as_a_crash() {
    let app = alone().await;
    let group = "/tasks/dev/authorizer";
    let described = app.account.logs("DescribeMetricFilters", json!({"logGroupName": group})).await.json();
    let filters = described["metricFilters"].as_array().unwrap();
    let pattern = |metric: &str| {
        let named =
            |filter: &&Value| filter["metricTransformations"][0]["metricName"].as_str() == Some(metric);
        filters.iter().find(named).unwrap()["filterPattern"].clone()
    };
    let counted = async |metric: &str| app.matches(group, &pattern(metric)).await.len();
    let before = (counted("RefusedTokens").await, counted("AuthorizerCrashes").await);

    let refused =
        app.call_with("GET", "/tasks", &[("Authorization", "Bearer nobody's own")], Value::Null).await;
    assert_eq!(refused.status, 401);
    eventually("the refusal to be counted", async || {
        (counted("RefusedTokens").await > before.0).then_some(())
    })
    .await;
    assert_eq!(
        (counted("RefusedTokens").await, counted("AuthorizerCrashes").await),
        (before.0 + 1, before.1)
    );
}
