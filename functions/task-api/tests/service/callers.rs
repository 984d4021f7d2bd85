//! Who a caller is, what its scopes allow, and when its token ends.

use serde_json::{Value, json};
use tasks::task::Timestamp;

use crate::table::{Answer, Table};

const DAY: i64 = 24 * 60 * 60;

/// Sends a request with this authorizer context.
async fn send(method: &str, target: &str, scopes: &str, expires_at: Option<i64>) -> Answer {
    let mut context = json!({"principalId": "alice", "owner": "team", "scopes": scopes, "auth": "jwt"});
    if let Some(end) = expires_at {
        context["expiresAt"] = json!(end.to_string());
    }
    Table::new().await.send_with_context(method, target, context).await
}

#[tokio::test]
async fn me_is_the_caller_whatever_its_scopes() {
    let end = 1_893_456_000;
    for (scopes, shown) in [("", json!([])), ("tasks:write", json!(["tasks:write"]))] {
        let me = send("GET", "/me", scopes, Some(end)).await;
        assert_eq!(me.status(), 200, "{me:?}");
        let expected = json!({
            "id": "alice", "owner": "team", "scopes": shown, "auth": "jwt", "expiresAt": "2030-01-01T00:00:00.000Z",
        });
        assert_eq!(me.json(), expected);
    }
    assert_eq!(send("GET", "/me", "", None).await.json()["expiresAt"], Value::Null);
    assert_eq!(send("GET", "/me?a=1", "", None).await.problem(), (400, "invalid-request".into()));
    let refused = send("DELETE", "/me", "tasks:write", None).await;
    assert_eq!((refused.status(), refused.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[tokio::test]
async fn a_call_without_the_scope_is_told_which_one_it_needs() {
    let task = "/tasks/019aa0b1-2c3d-7e4f-8a5b-6c7d8e9f0a1b";
    for (method, target, has, needs) in [
        ("GET", "/tasks", "tasks:write", "tasks:read"),
        ("HEAD", task, "", "tasks:read"),
        ("POST", "/tasks", "tasks:read", "tasks:write"),
        ("PUT", task, "tasks:read", "tasks:write"),
        ("PATCH", task, "", "tasks:write"),
        ("DELETE", task, "tasks:read", "tasks:write"),
    ] {
        let refused = send(method, target, has, None).await;
        assert_eq!(refused.problem(), (403, "forbidden".into()), "{method} {target}");
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{needs}""#);
        assert_eq!(refused.header("WWW-Authenticate"), Some(challenge.as_str()));
    }
}

#[tokio::test]
async fn a_token_that_has_ended_is_refused_although_the_gateway_knows_it() {
    let now = Timestamp::now().unix_seconds();
    for target in ["/me", "/tasks"] {
        for end in [now - DAY, now, 0, -1, i64::MIN] {
            let refused = send("GET", target, "tasks:read", Some(end)).await;
            assert_eq!(refused.problem(), (401, "unauthorized".into()), "{end}");
            let challenge = r#"Bearer error="invalid_token", error_description="expired""#;
            assert_eq!(refused.header("WWW-Authenticate"), Some(challenge));
        }
        for end in [now + DAY, i64::MAX] {
            assert_eq!(send("GET", target, "tasks:read", Some(end)).await.status(), 200, "{end}");
        }
    }
}
