//! The claims that a token needs, and the principal that follows from them.

use authorizer::{Denied, Reason};
use serde_json::{Value, json};

use crate::{
    app::{App, NOW, claims, claims_with, pinned},
    signer::Signer,
};

/// An issuer with some settings replaced, and its key.
fn app_with(settings: &Value) -> (App, Signer) {
    let signer = Signer::ed25519("ed");
    let mut issuer = pinned(&[&signer]);
    for (name, value) in settings.as_object().unwrap() {
        issuer[name] = value.clone();
    }
    if settings.get("clientIds").is_some() {
        issuer.as_object_mut().unwrap().remove("audience");
    }
    (App::of(&[issuer]), signer)
}

#[tokio::test]
async fn a_good_token_of_every_algorithm_is_accepted() {
    let signers = Signer::each();
    let app = App::pinned(&signers.each_ref());
    for signer in &signers {
        app.accepts(&signer.token(&claims())).await;
    }
}

#[tokio::test]
async fn a_token_lasts_until_the_second_it_names() {
    let (app, signer) = app_with(&json!({}));
    let token = signer.token(&claims());
    assert!(app.at(NOW + 599, &token).await.is_ok());
    assert_eq!(app.at(NOW + 600, &token).await, Err(Denied::Refused(Reason::Expired)));
    let token = signer.token(&claims_with(&json!({"exp": 1_800_000_600.9})));
    assert_eq!(app.accepts(&token).await.context["expiresAt"], "1800000600");
    for end in [
        json!(null),
        json!("1800000600"),
        json!(-1),
        json!(1e300),
        json!(i64::MAX),
        json!([NOW + 1]),
        json!(true),
    ] {
        let token = signer.token(&claims_with(&json!({"exp": end})));
        assert_eq!(app.refuses(&token).await, Reason::Malformed, "{end}");
    }
}

#[tokio::test]
async fn a_token_begins_within_a_minute_of_the_second_it_names() {
    let (app, signer) = app_with(&json!({}));
    for claim in ["nbf", "iat"] {
        app.accepts(&signer.token(&claims_with(&json!({claim: NOW + 60})))).await;
        app.accepts(&signer.token(&claims_with(&json!({claim: null})))).await;
        let token = signer.token(&claims_with(&json!({claim: NOW + 61})));
        assert_eq!(app.refuses(&token).await, Reason::NotYetValid, "{claim}");
        let token = signer.token(&claims_with(&json!({claim: "now"})));
        assert_eq!(app.refuses(&token).await, Reason::Malformed, "{claim}");
    }
}

#[tokio::test]
async fn the_issuer_is_compared_exactly() {
    let (app, signer) = app_with(&json!({}));
    for issuer in [
        json!(null),
        json!("https://issuer.example"),
        json!("https://ISSUER.example/"),
        json!("https://issuer.example/ "),
        json!("https://issuer.ex\u{430}mple/"),
        json!(["https://issuer.example/"]),
        json!({}),
    ] {
        let token = signer.token(&claims_with(&json!({"iss": issuer})));
        assert_eq!(app.refuses(&token).await, Reason::WrongIssuer, "{issuer}");
    }
}

#[tokio::test]
async fn one_of_the_audiences_is_ours() {
    let (app, signer) = app_with(&json!({}));
    for audience in [json!("tasks"), json!(["other", "https://tasks.example"])] {
        app.accepts(&signer.token(&claims_with(&json!({"aud": audience})))).await;
    }
    for audience in [
        json!(null),
        json!("other"),
        json!("tasks other"),
        json!("Tasks"),
        json!(""),
        json!([]),
        json!(["task"]),
    ] {
        let token = signer.token(&claims_with(&json!({"aud": audience})));
        assert_eq!(app.refuses(&token).await, Reason::WrongAudience, "{audience}");
    }
    for audience in [json!(1), json!({"tasks": 1}), json!(["tasks", 1])] {
        let token = signer.token(&claims_with(&json!({"aud": audience})));
        assert_eq!(app.refuses(&token).await, Reason::Malformed, "{audience}");
    }
}

#[tokio::test]
async fn an_access_token_of_cognito_is_known_by_its_client() {
    let (app, signer) = app_with(&json!({"clientIds": ["client"], "tokenUse": "access"}));
    let cognito = |client: Value, token_use: Value| {
        signer.token(&claims_with(&json!({"aud": null, "client_id": client, "token_use": token_use})))
    };
    app.accepts(&cognito(json!("client"), json!("access"))).await;
    for client in [json!(null), json!("other"), json!(["client"]), json!("")] {
        assert_eq!(app.refuses(&cognito(client, json!("access"))).await, Reason::WrongAudience);
    }
    for token_use in [json!(null), json!("id"), json!(["access"])] {
        assert_eq!(app.refuses(&cognito(json!("client"), token_use)).await, Reason::WrongType);
    }
    // An ID token: its audience is the client.
    let id_token = signer.token(&claims_with(&json!({"aud": "client", "token_use": "id"})));
    assert_eq!(app.refuses(&id_token).await, Reason::WrongType);
}

#[tokio::test]
async fn scopes_come_from_the_claim_that_the_settings_name() {
    let map = json!({"api/read": "tasks:read", "api/write": "tasks:write", "admins": "tasks:write"});
    for (claim, value, scopes) in [
        ("scope", json!("openid api/read"), "tasks:read"),
        ("scope", json!("api/write api/read api/read"), "tasks:read tasks:write"),
        ("scp", json!(["api/read", "other"]), "tasks:read"),
        ("scp", json!("api/write"), "tasks:write"),
        ("cognito:groups", json!(["admins"]), "tasks:write"),
        // Not by the service's own names, nor by what looks like a name of the map.
        ("scope", json!("tasks:read API/READ api/read\tapi/write"), ""),
        ("scope", json!(""), ""),
        ("scope", json!(null), ""),
    ] {
        let (app, signer) = app_with(&json!({"scopeClaim": claim, "scopes": map}));
        let mut claims = claims_with(&json!({"scope": null}));
        if !value.is_null() {
            claims[claim] = value.clone();
        }
        let policy = app.accepts(&signer.token(&claims)).await;
        assert_eq!(policy.context["scopes"], scopes, "{claim} {value}");
    }
    let (app, signer) = app_with(&json!({}));
    for value in [json!(1), json!({"tasks:read": true}), json!(["tasks:read", 1])] {
        let token = signer.token(&claims_with(&json!({"scope": value})));
        assert_eq!(app.refuses(&token).await, Reason::Malformed, "{value}");
    }
}

#[tokio::test]
async fn the_owner_is_the_prefix_and_a_claim_that_can_be_a_name() {
    let (app, signer) = app_with(&json!({"ownerClaim": "org"}));
    let longest = "x".repeat(255);
    for (claim, owner) in
        [("acme", "one:acme"), ("auth0|1+2/3=~", "one:auth0|1+2/3=~"), (&longest, &format!("one:{longest}"))]
    {
        let policy = app.accepts(&signer.token(&claims_with(&json!({"org": claim})))).await;
        assert_eq!(policy.context["owner"], owner);
        assert_eq!(policy.principal_id.as_deref(), Some("one:user-1"));
    }
    for name in [
        "",
        " ",
        "a b",
        "a\u{0}",
        "a\nb",
        "a\u{7f}",
        "\u{430}cme",
        "e\u{301}",
        "\u{202e}a",
        "a\"b",
        "a\\b",
        &"x".repeat(256),
    ] {
        for claim in ["org", "sub"] {
            let mut changed = claims_with(&json!({"org": "acme"}));
            changed[claim] = name.into();
            assert_eq!(app.refuses(&signer.token(&changed)).await, Reason::NoOwner, "{claim} {name:?}");
        }
    }
    for value in [json!(null), json!(1), json!(["acme"]), json!({})] {
        let token = signer.token(&claims_with(&json!({"org": value})));
        assert_eq!(app.refuses(&token).await, Reason::NoOwner, "{value}");
    }
}
