//! Tokens and the content of tasks stay out of all logs.

use serde_json::{Value, json};

use crate::{
    jwt::{keys, with_header},
    stack::{alone, eventually},
};

#[tokio::test]
async fn a_canary_token_is_in_no_log_group() {
    let (_keys, app) = (keys().await, alone().await);
    let canary = "canary-7f3a9c51e2";
    for authorization in [canary, &format!("Bearer {canary}")] {
        app.call_with("POST", "/tasks", &[("Authorization", authorization)], json!({"title": canary})).await;
    }
    // A good JWT, and one with a made-up key id that is refused.
    let good = app.signed(&app.claims("keeps-a-secret")).await;
    let refused = with_header(&good, &json!({"alg": "RS256", "kid": format!("kid-{canary}")}));
    for (token, status) in [(&good, 200), (&refused, 401)] {
        let authorization = format!("Bearer {token}");
        let answer = app.call_with("GET", "/tasks", &[("Authorization", &authorization)], Value::Null).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let id = app.create(canary).await;
    app.call("PUT", &format!("/tasks/{id}"), json!({"description": canary, "unknown": canary})).await;
    app.call("GET", &format!("/tasks?cursor={canary}"), Value::Null).await;
    // The access log has paths, and no function's own log has.
    let in_path = "in-the-path-7f3a9c51e2";
    app.call("GET", &format!("/problems/{in_path}"), Value::Null).await;
    app.audit_of(&id, 1).await;

    let groups = app.account.logs("DescribeLogGroups", json!({})).await.json();
    let names =
        groups["logGroups"].as_array().unwrap().iter().map(|group| group["logGroupName"].as_str().unwrap());
    let names: Vec<_> = names.map(str::to_owned).collect();
    // The logs of these calls must have lines; otherwise finding no secret would prove nothing.
    for group in [
        "/tasks/dev/task-api",
        "/tasks/dev/authorizer",
        "/tasks/dev/docs",
        "/tasks/dev/audit-function",
        "/tasks/dev/access",
    ] {
        assert!(names.iter().any(|name| name == group), "{group} is not among {names:?}");
        eventually(group, async || (!app.log(group).await.is_empty()).then_some(())).await;
    }
    let outputs = &app.outputs;
    let (_, signature) = good.rsplit_once('.').unwrap();
    let secrets = [
        canary,
        signature,
        &outputs.token,
        &outputs.read_only_token,
        &outputs.write_only_token,
        &outputs.other_owner_token,
    ];
    for group in &names {
        for line in app.log(group).await {
            for secret in secrets {
                assert!(!line.contains(secret), "{group}: {line}");
            }
            assert!(group == "/tasks/dev/access" || !line.contains(in_path), "{group}: {line}");
        }
    }
}
