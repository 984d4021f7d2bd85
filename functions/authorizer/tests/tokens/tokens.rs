//! Static tokens, and the answers that the gateway gets.

use authorizer::{Authorizer, Denied, Reason};
use aws_lambda_events::{apigw::ApiGatewayCustomAuthorizerRequest, iam::IamPolicyEffect};
use lambda_runtime::Diagnostic;
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    app::{ARN, App, Log, NOW, TRACE, claims, claims_with, pinned},
    signer::Signer,
};

/// Alice's token is "new" (and still "old"), the reader's "read"; "none" is known and has no scopes.
fn principals() -> String {
    let entry = |id: &str, scopes: &[&str], token: &str| json!({"id": id, "owner": "team", "scopes": scopes, "tokenSha256": hex::encode(Sha256::digest(token))});
    let both = ["tasks:read", "tasks:write"];
    json!([
        entry("alice", &both, "old"),
        entry("alice", &both, "new"),
        entry("reader", &both[..1], "read"),
        entry("none", &[], "none")
    ])
    .to_string()
}

fn app() -> App {
    Authorizer::parse(&principals(), "[]").unwrap().into()
}

#[tokio::test]
async fn bare_and_bearer_tokens_old_and_new_are_accepted() {
    for header in ["old", "new", "Bearer new", "bearer  new", " BEARER new "] {
        let policy = app().accepts(header).await;
        assert_eq!(policy.principal_id.as_deref(), Some("alice"));
        assert_eq!(policy.context["owner"], "team");
        assert_eq!(policy.context["auth"], "token");
        assert_eq!(policy.context.get("expiresAt"), None);
    }
}

#[tokio::test]
async fn anything_else_is_unauthorized() {
    for header in ["", " ", "Bearer", "Bearer ", "Basic new", "old new"] {
        assert_eq!(app().refuses(header).await, Reason::Malformed, "{header:?}");
    }
    for header in ["new2", "New", "\u{a0}new", "new\u{200b}", "n\u{435}w", "a.b.c", "\tBearer\tnew"] {
        assert_eq!(app().refuses(header).await, Reason::UnknownToken, "{header:?}");
    }
    let mut request = ApiGatewayCustomAuthorizerRequest::default();
    request.method_arn = Some(ARN.to_owned());
    assert_eq!(app().call(&request, NOW).await, Err(Denied::Refused(Reason::Malformed)));
    request.authorization_token = Some("new".to_owned());
    for arn in [None, Some("arn:nonsense".to_owned())] {
        request.method_arn = arn;
        assert_eq!(app().call(&request, NOW).await, Err(Denied::Refused(Reason::Malformed)));
    }
}

#[test]
fn only_a_refusal_is_a_401() {
    assert_eq!(Diagnostic::from(Denied::Refused(Reason::Expired)).error_message, "Unauthorized");
    assert_ne!(Diagnostic::from(Denied::WithoutKeys).error_message, "Unauthorized");
}

#[tokio::test]
async fn the_policy_covers_the_whole_stage_for_everyone_who_is_known() {
    for (token, scopes) in [("read", "tasks:read"), ("new", "tasks:read tasks:write"), ("none", "")] {
        let policy = app().accepts(token).await;
        let [statement] = &policy.policy_document.statement[..] else { panic!("one statement") };
        assert_eq!(statement.effect, IamPolicyEffect::Allow);
        assert_eq!(statement.resource, ["arn:aws:execute-api:eu-west-1:123456789012:abc/dev/*/*"]);
        assert_eq!(policy.context["scopes"], scopes);
    }
}

#[tokio::test]
async fn static_tokens_and_jwts_work_side_by_side() {
    let signer = Signer::rsa("rsa");
    let app: App = Authorizer::parse(&principals(), &json!([pinned(&[&signer])]).to_string()).unwrap().into();
    let policy = app.accepts("new").await;
    assert_eq!(policy.principal_id.as_deref(), Some("alice"));
    let policy = app.accepts(&format!("Bearer {}", signer.token(&claims()))).await;
    assert_eq!(policy.principal_id.as_deref(), Some("one:user-1"));
    assert_eq!(policy.context["owner"], "one:user-1");
    assert_eq!(policy.context["scopes"], "tasks:read tasks:write");
    assert_eq!(policy.context["auth"], "jwt");
    assert_eq!(policy.context["expiresAt"], (NOW + 600).to_string());
    assert_eq!(app.refuses("unknown").await, Reason::UnknownToken);
}

/// Eight digits of the token's own SHA-256, of its `jti`'s, or of what is signed.
#[tokio::test]
async fn each_token_of_a_caller_has_a_name_that_is_no_part_of_it() {
    let signer = Signer::ed25519("ed");
    let app: App = Authorizer::parse(&principals(), &json!([pinned(&[&signer])]).to_string()).unwrap().into();
    let digits = |text: &str| hex::encode(&Sha256::digest(text)[..4]);
    for (token, of) in [("old", "old"), ("Bearer new", "new")] {
        assert_eq!(app.accepts(token).await.context["credential"], digits(of));
    }
    let named = signer.token(&claims_with(&json!({"jti": "a-token-of-its-own"})));
    assert_eq!(app.accepts(&named).await.context["credential"], digits("a-token-of-its-own"));
    for nameless in [json!({}), json!({"jti": 7})] {
        let token = signer.token(&claims_with(&nameless));
        let (content, _) = token.rsplit_once('.').unwrap();
        assert_eq!(app.accepts(&token).await.context["credential"], digits(content));
    }
}

#[tokio::test]
async fn a_refusal_is_one_line_with_its_reason_and_without_the_token() {
    let signer = Signer::ed25519("a-secret-kid");
    let app = App::pinned(&[&signer]);
    let token = signer.token(&claims());
    let log = Log::start();
    assert_eq!(app.at(NOW + 600, &token).await, Err(Denied::Refused(Reason::Expired)));
    let [line] = &log.lines()[..] else { panic!("one line: {}", log.text()) };
    assert_eq!(line["message"], "refused a token");
    assert_eq!(
        (&line["reason"], &line["method"], &line["route"]),
        (&json!("expired"), &json!("GET"), &json!("/tasks/{id}"))
    );
    assert_eq!(line["request_id"], "7f2c8b52-0000-4000-8000-000000000000");
    assert_eq!(line["trace"], TRACE);
    for secret in [&token[..20], "a-secret-kid", "user-1", "0198-an-id", "issuer.example"] {
        assert!(!log.text().contains(secret), "{secret}: {}", log.text());
    }
}

proptest! {
    #[test]
    fn no_header_or_arn_panics(header in ".*", arn in ".*") {
        let mut request = ApiGatewayCustomAuthorizerRequest::default();
        request.authorization_token = Some(header);
        request.method_arn = Some(arn);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(app().call(&request, NOW)).is_err());
    }
}
