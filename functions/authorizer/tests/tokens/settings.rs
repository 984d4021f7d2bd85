//! Settings that are refused at the start, before anybody calls.

use authorizer::Authorizer;
use serde_json::{Value, json};

use crate::{
    app::pinned,
    signer::{Signer, jwks},
};

fn refused(principals: &Value, issuers: &Value) -> Option<String> {
    Authorizer::parse(&principals.to_string(), &issuers.to_string()).err()
}

/// The settings of a good issuer with some members replaced; null removes one.
fn issuer(changes: &Value) -> Value {
    let mut issuer = pinned(&[&Signer::ed25519("ed")]);
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            issuer.as_object_mut().unwrap().remove(name);
        } else {
            issuer[name] = value.clone();
        }
    }
    issuer
}

fn principal(id: &str, owner: &str) -> Value {
    json!({"id": id, "owner": owner, "scopes": ["tasks:read"], "tokenSha256": "00".repeat(32)})
}

#[test]
fn good_settings_are_taken() {
    for changes in [
        json!({}),
        json!({"ownerPrefix": null}),
        json!({"audience": null, "clientIds": ["c"], "tokenUse": "access"}),
        json!({"jwks": null, "jwksUri": "https://issuer.example:8443/jwks?x=1"}),
        json!({"jwksUri": "http://127.0.0.1:4566/jwks"}),
        json!({"jwksUri": "http://[::1]:4566/jwks"}),
        json!({"jwksUri": "http://localhost/jwks"}),
    ] {
        assert_eq!(refused(&json!([]), &json!([issuer(&changes)])), None, "{changes}");
    }
}

#[test]
fn no_settings_accept_any_issuer_or_audience_or_algorithm() {
    for (changes, says) in [
        (json!({"issuer": null}), "issuer"),
        (json!({"issuer": ""}), "issuer"),
        (json!({"audience": null}), "audience"),
        (json!({"audience": []}), "audience"),
        (json!({"audience": [""]}), "audience"),
        (json!({"audience": "tasks"}), "sequence"),
        (json!({"clientIds": ["c"], "tokenUse": "access"}), "either"),
        (json!({"audience": null, "clientIds": ["c"]}), "tokenUse"),
        (json!({"audience": null, "clientIds": [""], "tokenUse": "access"}), "clientIds"),
        (json!({"audience": null, "clientIds": ["c"], "tokenUse": "id"}), "id"),
        (json!({"algorithms": null}), "algorithms"),
        (json!({"algorithms": []}), "algorithms"),
        (json!({"algorithms": ["none"]}), "none"),
        (json!({"algorithms": ["HS256"]}), "HS256"),
        (json!({"jwks": null}), "jwksUri"),
        (json!({"jwks": {"keys": []}}), "usable"),
        (json!({"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}), "usable"),
        (json!({"scopes": {"x": "tasks:all"}}), "tasks:all"),
        (json!({"ownerPrefix": "a b"}), "ownerPrefix"),
        (json!({"ownerPrefix": "x".repeat(65)}), "ownerPrefix"),
        (json!({"audiences": ["x"]}), "audiences"),
    ] {
        let error = refused(&json!([]), &json!([issuer(&changes)])).unwrap_or_else(|| panic!("{changes}"));
        assert!(error.starts_with("ISSUERS: entry 0: ") && error.contains(says), "{changes}: {error}");
    }
}

#[test]
fn keys_come_over_https_or_from_this_machine() {
    for uri in [
        "http://issuer.example/jwks",
        "http://127.0.0.1.issuer.example/jwks",
        "http://127.0.0.1@issuer.example/jwks",
        "http://localhost:1@issuer.example/jwks",
        "https://user:secret@issuer.example/jwks",
        "http://127.0.0.2/jwks",
        "http://0.0.0.0/jwks",
        "ftp://127.0.0.1/jwks",
        "file:///etc/passwd",
        "//issuer.example/jwks",
        "/jwks",
        "",
    ] {
        let error = refused(&json!([]), &json!([issuer(&json!({"jwksUri": uri}))])).expect(uri);
        assert!(error.contains("jwksUri") && !error.contains("secret"), "{uri}: {error}");
    }
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let twice = issuer(&json!({})).to_string().replacen(
        "{\"algorithms\"",
        r#"{"algorithms":["RS256"],"algorithms""#,
        1,
    );
    let error = Authorizer::parse("[]", &format!("[{twice}]")).err().unwrap();
    assert!(error.contains("repeated"), "{error}");
}

#[test]
fn nobody_could_call() {
    assert!(refused(&json!([]), &json!([])).unwrap().contains("nobody"));
}

/// A caller of one issuer chooses the name there, so names of different sources must not meet.
#[test]
fn two_callers_cannot_have_one_name() {
    let other = |prefix: &str| {
        issuer(
            &json!({"issuer": "https://other.example/", "ownerPrefix": prefix, "jwks": jwks(&[&Signer::p256("ec")])}),
        )
    };
    for (principals, issuers, says) in [
        (
            json!([]),
            json!([issuer(&json!({})), issuer(&json!({"ownerPrefix": "two:"}))]),
            "`issuer` of an earlier",
        ),
        (json!([]), json!([issuer(&json!({})), other("one:")]), "ownerPrefix"),
        (json!([]), json!([issuer(&json!({})), other("one:x")]), "ownerPrefix"),
        (json!([]), json!([issuer(&json!({})), other("o")]), "ownerPrefix"),
        (json!([]), json!([issuer(&json!({})), other("")]), "ownerPrefix"),
        (json!([principal("alice", "one:team")]), json!([issuer(&json!({}))]), "entry 0"),
        (json!([principal("one:alice", "team")]), json!([issuer(&json!({}))]), "entry 0"),
        (json!([principal("alice", "team")]), json!([issuer(&json!({"ownerPrefix": null}))]), "entry 0"),
    ] {
        let error = refused(&principals, &issuers).unwrap_or_else(|| panic!("{principals} {issuers}"));
        assert!(error.contains(says), "{error}");
    }
    let apart = json!([issuer(&json!({})), other("two:")]);
    assert_eq!(refused(&json!([principal("alice", "team")]), &apart), None);
}
