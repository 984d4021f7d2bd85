//! Vectors of the RFCs and of Wycheproof (tests/vectors/README.md) through our reading of keys, tokens and signatures.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Algorithm, KeySet, Public};
use crate::{
    json::{Object, Strict, object},
    jwt::Jwt,
    refusal::Reason,
};

const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

/// Verifies a JWS as the authorizer does: its `alg` must be one of ours, and a key of the set must fit.
fn verify(keys: &Object, token: &str) -> Result<(), Reason> {
    let jwt = Jwt::parse(token)?;
    let algorithm = ALL.into_iter().find(|one| one.name() == jwt.algorithm).ok_or(Reason::WrongAlgorithm)?;
    KeySet::read(keys).ok_or(Reason::UnknownKey)?.verify(&jwt, algorithm)
}

fn set_of(key: &Value) -> Object {
    let set = if key.get("keys").is_some() { key.clone() } else { json!({"keys": [key]}) };
    set.as_object().unwrap().clone()
}

/// RFC 7515, A.2 and A.3, and RFC 8037, A.4.
#[test]
fn the_examples_of_the_rfcs_verify() {
    let claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let rsa: Value = serde_json::from_str(include_str!("../../tests/tokens/rfc7515-a2.json")).unwrap();
    let rsa = json!({"kty": "RSA", "n": rsa["n"], "e": rsa["e"]});
    let ec = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let tokens = [
        (
            rsa,
            format!(
                "eyJhbGciOiJSUzI1NiJ9.{claims}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2\
                 Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN\
                 9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB\
                 p0igcN_IoypGlUPQGe77Rw"
            ),
        ),
        (
            ec,
            format!(
                "eyJhbGciOiJFUzI1NiJ9.{claims}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
            ),
        ),
        (
            ed,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5Bh\
             VsPt9g7sVvpAr_MuM0KAg"
                .to_owned(),
        ),
    ];
    for (own, (key, token)) in tokens.iter().enumerate() {
        assert_eq!(verify(&set_of(key), token), Ok(()), "{token}");
        for (other, (key, _)) in tokens.iter().enumerate() {
            assert!(own == other || verify(&set_of(key), token).is_err());
        }
    }
}

#[derive(Deserialize)]
struct Group<T> {
    jwk: Object,
    tests: Vec<T>,
}

fn groups<T: for<'de> Deserialize<'de>>(text: &str) -> Vec<Group<T>> {
    let Strict(groups) = serde_json::from_str(text).unwrap();
    serde_json::from_value(groups).unwrap()
}

#[test]
fn raw_signatures_of_wycheproof_are_judged_as_it_says() {
    let (mut valid, mut invalid) = (0, 0);
    for text in [
        include_str!("../../tests/vectors/rs256.json"),
        include_str!("../../tests/vectors/es256.json"),
        include_str!("../../tests/vectors/eddsa.json"),
    ] {
        for group in groups::<(u32, String, String, String)>(text) {
            let key = Public::read(&group.jwk);
            for (number, message, signature, result) in group.tests {
                let bytes = |text: &str| hex::decode(text).unwrap();
                let verified =
                    key.as_ref().is_some_and(|key| key.verifies(&bytes(&message), &bytes(&signature)));
                assert_eq!(verified, result == "valid", "{number} with {:?}", group.jwk);
                if verified { valid += 1 } else { invalid += 1 }
            }
        }
    }
    assert_eq!((valid, invalid), (211, 117));
}

#[test]
fn tokens_and_keys_of_wycheproof_are_judged_as_it_says() {
    let (mut valid, mut invalid) = (0, 0);
    for group in groups::<(String, String, String, String)>(include_str!("../../tests/vectors/jws.json")) {
        let key = Value::Object(group.jwk);
        for (number, comment, token, result) in group.tests {
            // A weakness of how a key was made, which is the issuer's to know.
            let is_made_badly = comment == "rejectsKeyWithRocaVulnerability";
            // Algorithms that don't exist here.
            let is_ours =
                Jwt::parse(&token).is_ok_and(|jwt| ALL.iter().any(|one| one.name() == jwt.algorithm));
            let verdict = verify(&set_of(&key), &token);
            let expected = is_ours && (result == "valid" || is_made_badly);
            assert_eq!(verdict.is_ok(), expected, "{number} {comment}: {verdict:?} {key}");
            if verdict.is_ok() { valid += 1 } else { invalid += 1 }
        }
    }
    assert_eq!((valid, invalid), (12, 82));
}

#[test]
fn a_key_that_is_not_for_us_is_left_out_and_the_others_count() {
    let good = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "good"});
    let but = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let rsa = |bits: usize, last: u8, e: &str| {
        let mut n = vec![0xff; bits / 8];
        *n.last_mut().unwrap() = last;
        json!({"kty": "RSA", "n": encode(&n), "e": e})
    };
    for key in [
        json!(null),
        json!("key"),
        json!({}),
        json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMko"}),
        but("use", json!("enc")),
        but("use", json!(null)),
        but("key_ops", json!(["sign"])),
        but("key_ops", json!("verify")),
        but("alg", json!("ES256")),
        but("alg", json!("HS256")),
        but("alg", json!(null)),
        but("kid", json!(1)),
        but("kid", json!("x".repeat(201))),
        but("d", json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")),
        but("crv", json!("X25519")),
        but("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR")),
        but("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")),
        rsa(2_040, 0xff, "AQAB"),
        rsa(4_104, 0xff, "AQAB"),
        rsa(2_048, 0xfe, "AQAB"),
        rsa(2_048, 0xff, "AQ"),
        rsa(2_048, 0xff, "Ag"),
        rsa(2_048, 0xff, "AAEAAQ"),
        rsa(2_048, 0xff, "AQAAAAAB"),
        rsa(2_048, 0xff, ""),
    ] {
        assert_eq!(KeySet::read(&set_of(&json!({"keys": [key]}))), None, "{key}");
        let set = KeySet::read(&set_of(&json!({"keys": [key, good]}))).unwrap();
        assert_eq!(set.keys.len(), 1, "{key}");
    }
    for key in [
        but("use", json!("sig")),
        but("key_ops", json!(["sign", "verify"])),
        but("alg", json!("EdDSA")),
        rsa(2_048, 0xff, "Aw"),
        rsa(4_096, 0xff, "AQAB"),
    ] {
        assert!(KeySet::read(&set_of(&json!({"keys": [key]}))).is_some(), "{key}");
    }
    for document in ["{}", r#"{"keys":{}}"#, r#"{"keys":null}"#] {
        assert_eq!(KeySet::read(&object(document.as_bytes()).unwrap()), None, "{document}");
    }
}

/// A token without `kid` costs a few verifications, however many keys the issuer has.
#[test]
fn a_token_without_kid_is_tried_with_four_keys() {
    let good = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let other = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&[7; 32])});
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5Bh\
                 VsPt9g7sVvpAr_MuM0KAg";
    let set = |before: usize| {
        let mut keys = vec![other.clone(); before];
        keys.push(good.clone());
        set_of(&json!({"keys": keys}))
    };
    assert_eq!(verify(&set(super::MOST_TRIES - 1), token), Ok(()));
    assert_eq!(verify(&set(super::MOST_TRIES), token), Err(Reason::BadSignature));
}

fn encode(bytes: &[u8]) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
