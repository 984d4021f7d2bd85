//! Tokens that an attacker would send: each is a 401 with a reason, and none is an error.

use authorizer::Reason;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    app::{App, Log, NOW, claims, claims_with},
    signer::{Signer, decode, encode},
};

/// A header's `alg` without the key's leave: `none` in every spelling, symmetric ones, the same key under another name.
#[tokio::test]
async fn the_header_does_not_choose_the_algorithm() {
    let signers = Signer::each();
    let app = App::pinned(&signers.each_ref());
    for signer in &signers {
        for algorithm in [
            "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "RS384", "RS512", "PS256", "RS1",
            "ES384", "ES512", "ES256K", "Ed25519", "EdDSA ", "rs256", "RS256", "ES256", "EdDSA",
        ] {
            if algorithm == signer.algorithm() {
                continue;
            }
            let mut header = signer.header();
            header["alg"] = json!(algorithm);
            let token = signer.token_of(&header.to_string(), &claims().to_string());
            assert_eq!(
                app.refuses(&token).await,
                Reason::WrongAlgorithm,
                "{algorithm} {}",
                signer.algorithm()
            );
            let (unsigned, _) = token.rsplit_once('.').unwrap();
            assert_eq!(app.refuses(&format!("{unsigned}.")).await, Reason::WrongAlgorithm, "{algorithm}");
        }
    }
}

#[tokio::test]
async fn an_issuer_for_one_algorithm_takes_no_other() {
    let signers = Signer::each();
    let mut issuer = crate::app::pinned(&signers.each_ref());
    issuer["algorithms"] = json!(["ES256"]);
    let app = App::of(&[issuer]);
    assert_eq!(app.refuses(&signers[0].token(&claims())).await, Reason::WrongAlgorithm);
    app.accepts(&signers[1].token(&claims())).await;
}

/// The classic: the public key, in whatever form, as the secret of an HMAC.
#[tokio::test]
async fn a_public_key_is_no_secret_of_an_hmac() {
    let rsa = Signer::rsa("rsa");
    let app = App::pinned(&[&rsa]);
    let jwk = rsa.jwk();
    let modulus = decode(jwk["n"].as_str().unwrap());
    for secret in [jwk.to_string().into_bytes(), jwk["n"].as_str().unwrap().as_bytes().to_vec(), modulus] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        for algorithm in ["HS256", "RS256"] {
            let header = encode(json!({"alg": algorithm, "kid": "rsa"}).to_string());
            let unsigned = format!("{header}.{}", encode(claims().to_string()));
            let mac = ring::hmac::sign(&key, unsigned.as_bytes());
            let token = format!("{unsigned}.{}", encode(mac));
            let reason = if algorithm == "HS256" { Reason::WrongAlgorithm } else { Reason::BadSignature };
            assert_eq!(app.refuses(&token).await, reason);
        }
    }
}

#[tokio::test]
async fn a_key_that_comes_with_the_token_is_ignored() {
    let (signer, attacker) = (Signer::ed25519("good"), Signer::ed25519("good"));
    let app = App::pinned(&[&signer]);
    let own = |header: &mut Value| {
        header["jwk"] = attacker.jwk();
        header["jku"] = json!("http://127.0.0.1:1/jwks.json");
        header["x5u"] = json!("http://127.0.0.1:1/cert.pem");
        header["x5c"] = json!(["MIIB"]);
    };
    let mut header = attacker.header();
    own(&mut header);
    assert_eq!(
        app.refuses(&attacker.token_of(&header.to_string(), &claims().to_string())).await,
        Reason::BadSignature
    );
    header["kid"] = json!("mine");
    assert_eq!(
        app.refuses(&attacker.token_of(&header.to_string(), &claims().to_string())).await,
        Reason::UnknownKey
    );
    let mut header = signer.header();
    own(&mut header);
    app.accepts(&signer.token_of(&header.to_string(), &claims().to_string())).await;
}

#[tokio::test]
async fn a_kid_is_compared_and_nothing_else() {
    let signer = Signer::ed25519("good");
    let app = App::pinned(&[&signer]);
    for kid in ["", "Good", "good ", "g\u{43e}od", "../good", "good\u{0}", "' OR 1=1 --", "good\n"] {
        let header = json!({"alg": "EdDSA", "kid": kid}).to_string();
        assert_eq!(
            app.refuses(&signer.token_of(&header, &claims().to_string())).await,
            Reason::UnknownKey,
            "{kid:?}"
        );
    }
}

#[tokio::test]
async fn a_member_that_is_there_twice_is_refused_in_header_and_claims() {
    let signer = Signer::ed25519("good");
    let app = App::pinned(&[&signer]);
    let (header, claims) = (signer.header().to_string(), claims().to_string());
    for (header, claims) in [
        (header.replacen('{', r#"{"alg":"none","#, 1), claims.clone()),
        (header.replacen('{', r#"{"\u0061lg":"none","#, 1), claims.clone()),
        (header.clone(), claims.replacen('{', r#"{"sub":"admin","#, 1)),
        (header.clone(), claims.replacen('{', r#"{"s\u0075b":"admin","#, 1)),
        (header.clone(), claims.replacen('{', r#"{"x":{"a":1,"a":2},"#, 1)),
    ] {
        assert_eq!(
            app.refuses(&signer.token_of(&header, &claims)).await,
            Reason::Malformed,
            "{header} {claims}"
        );
    }
}

#[tokio::test]
async fn other_forms_of_a_jws_are_refused() {
    let signer = Signer::ed25519("good");
    let app = App::pinned(&[&signer]);
    let token = signer.token(&claims());
    let (content, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = content.split_once('.').unwrap();
    for (token, reason) in [
        // JSON serialization, JWE, a signature that is detached, nested, repeated.
        (
            json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
            Reason::UnknownToken,
        ),
        (format!("{token}.x.y"), Reason::UnknownToken),
        (format!("{header}..{signature}"), Reason::Malformed),
        (format!("{content}."), Reason::BadSignature),
        (format!("{content}.{signature}{signature}"), Reason::BadSignature),
        (format!("{content}.{}", encode(&decode(signature)[..63])), Reason::BadSignature),
        (format!("{content}.{signature}="), Reason::Malformed),
        (format!("{token}, {token}"), Reason::Malformed),
        (format!("Bearer Bearer {token}"), Reason::Malformed),
        (format!("Basic {token}"), Reason::Malformed),
        (signer.token_of(&signer.header().to_string(), &format!("\"{token}\"")), Reason::Malformed),
        (
            signer.token_of(
                &json!({"alg": "EdDSA", "kid": "good", "crit": ["b64"], "b64": false}).to_string(),
                &claims().to_string(),
            ),
            Reason::Malformed,
        ),
    ] {
        assert_eq!(app.refuses(&token).await, reason, "{token}");
    }
}

#[tokio::test]
async fn what_is_huge_or_deep_is_refused() {
    let signer = Signer::ed25519("good");
    let app = App::pinned(&[&signer]);
    let with_room = |room: usize| signer.token(&claims_with(&json!({"x": "x".repeat(room)})));
    let room = (0..authorizer::LONGEST_HEADER)
        .find(|room| with_room(*room).len() > authorizer::LONGEST_HEADER)
        .unwrap();
    assert_eq!(app.refuses(&with_room(room)).await, Reason::TooLarge);
    app.accepts(&with_room(room - 1)).await;
    assert_eq!(app.refuses(&"x".repeat(1 << 20)).await, Reason::TooLarge);
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(1_000), "]".repeat(1_000));
    assert_eq!(app.refuses(&signer.token_of(&signer.header().to_string(), &deep)).await, Reason::Malformed);
}

#[tokio::test]
async fn no_attack_leaves_more_than_a_reason_in_the_log() {
    let (signer, attacker) = (Signer::ed25519("good"), Signer::ed25519("canary-kid"));
    let app = App::pinned(&[&signer]);
    let canary = |claims: &Value| {
        let mut claims = claims.clone();
        claims["jti"] = json!("canary-claim");
        attacker.token(&claims)
    };
    let tokens = [
        canary(&claims()),
        canary(&claims_with(&json!({"iss": "https://canary.example/"}))),
        "canary-token".to_owned(),
        "Basic canary-token".to_owned(),
        "canary-token".repeat(1_000),
        format!("{}.canary.{}", encode("{}"), encode("{}")),
    ];
    let log = Log::start();
    for token in &tokens {
        app.refuses(token).await;
    }
    let lines = log.lines();
    assert_eq!(lines.len(), tokens.len());
    for line in &lines {
        assert_eq!(line["message"], "refused a token");
        assert!(Reason::ALL.iter().any(|reason| line["reason"] == reason.code()), "{line}");
    }
    assert!(!log.text().contains("canary"), "{}", log.text());
    assert!(tokens.iter().all(|token| !log.text().contains(&token[..12])), "{}", log.text());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// Claims of a kind that no issuer sends.
fn any_claims() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!("tasks")),
        Just(json!(NOW + 5)),
    ];
    let value =
        leaf.prop_recursive(2, 8, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from));
    prop::collection::btree_map("iss|aud|sub|exp|nbf|iat|scope|jti|x", value, 0..6)
        .prop_map(|members| json!(members))
}

proptest! {
    /// One byte of a good token changed, added or lost: another token, and refused.
    #[test]
    fn a_token_that_was_touched_is_refused(at in any::<prop::sample::Index>(), byte in 0x21_u8..0x7f, how in 0..3) {
        let signer = Signer::ed25519("good");
        let app = App::pinned(&[&signer]);
        let good = signer.token(&claims()).into_bytes();
        let mut token = good.clone();
        let at = at.index(token.len());
        match how {
            0 => token[at] = byte,
            1 => token.insert(at, byte),
            _ => drop(token.remove(at)),
        }
        prop_assume!(token != good);
        runtime().block_on(app.refuses(&String::from_utf8(token).unwrap()));
    }

    /// A signed token is accepted only if the claims that count are ours.
    #[test]
    fn odd_claims_are_refused_unless_they_say_the_right_thing(changes in any_claims()) {
        let signer = Signer::ed25519("good");
        let app = App::pinned(&[&signer]);
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        if let Ok(policy) = runtime().block_on(app.at(NOW, &signer.token(&claims))) {
            prop_assert_eq!(&claims["iss"], crate::app::ISSUER);
            let names_us = claims["aud"] == "tasks"
                || claims["aud"].as_array().is_some_and(|all| all.contains(&json!("tasks")));
            prop_assert!(names_us);
            let end = policy.context["expiresAt"].parse::<i64>().unwrap();
            prop_assert!(end > NOW);
            let id = format!("one:{}", claims["sub"].as_str().unwrap());
            prop_assert_eq!(policy.principal_id, Some(id));
        }
    }

    #[test]
    fn no_header_or_claims_panic(header in ".*", claims in ".*", signature in any::<[u8; 8]>()) {
        let app = App::pinned(&[&Signer::ed25519("good")]);
        let token = format!("{}.{}.{}", encode(header), encode(claims), encode(signature));
        runtime().block_on(app.refuses(&token));
    }
}
