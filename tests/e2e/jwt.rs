//! JWTs of the deployed user pool and of another issuer: people and machines get their own tasks, and every other token is
//! refused.
//!
//! The local AWS's Cognito signs the pool's tokens. Where Cognito would not make such a token, the launcher signs it with the
//! pool's key. The other issuer is that of `issuers.json`, with which the stack is deployed; its tokens are signed here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, StatusCode, redirect};
use ring::{hmac, signature::Ed25519KeyPair};
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::sleep,
};

use crate::stack::{Answer, Stack, alone, eventually, shared};

/// The window in which an instance of the authorizer fetches keys at most once, and a bit (docs/auth.md).
const WINDOW: Duration = Duration::from_secs(61);
const CALLBACK: &str = "http://localhost:3000/signed-in";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Tests that may cause a fetch of the keys, one at a time. Taken before the stack: one of them waits with it for the stack.
static KEYS: Mutex<()> = Mutex::const_new(());

pub async fn keys() -> MutexGuard<'static, ()> {
    KEYS.lock().await
}

impl<Guard> Stack<Guard> {
    fn output(&self, name: &str) -> &str {
        self.more.get(name).unwrap_or_else(|| panic!("the stack has no output {name}"))
    }

    /// Gets a token with the machine client's secret; with all scopes that it is allowed unless some are named.
    pub async fn machine_token(&self, scope: Option<&str>) -> String {
        let id = self.output("machineClientId");
        // The local AWS's secrets are base64: a `+` must not arrive as a space.
        let secret = utf8_percent_encode(self.output("machineClientSecret"), NON_ALPHANUMERIC);
        let scope = scope.map_or_else(String::new, |scope| format!("&scope={scope}"));
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{scope}");
        self.token_of(form).await["access_token"].as_str().unwrap().to_owned()
    }

    async fn token_of(&self, form: String) -> Value {
        let answer = post(self.output("tokenEndpoint"), form).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    /// Signs claims with the key of the pool's access tokens.
    pub async fn signed(&self, claims: &Value) -> String {
        let body = json!({"pool": self.output("userPoolId"), "claims": claims});
        self.admin("cognito/token", body).await["token"].as_str().unwrap().to_owned()
    }

    /// Returns what a good access token of the machine client says, with another `sub`.
    pub fn claims(&self, sub: &str) -> Value {
        let now = now();
        json!({
            "iss": self.output("issuer"), "sub": sub, "client_id": self.output("machineClientId"), "token_use": "access",
            "scope": "tasks/read tasks/write", "iat": now, "exp": now + 600,
        })
    }

    async fn bearing(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        self.call_with(method, path, &[("Authorization", &format!("Bearer {token}"))], body).await
    }

    async fn fetches(&self) -> usize {
        self.calls("jwks.json").await.len()
    }

    /// Ends the authorizer's processes: the next call starts one that has no keys.
    async fn restart_authorizer(&self) {
        self.admin("kill", json!({"function": self.output("authorizerFunction")})).await;
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn post(url: &str, form: String) -> reqwest::Response {
    let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let request = client.post(url).header("Content-Type", "application/x-www-form-urlencoded");
    request.body(form).send().await.unwrap()
}

fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&BASE64.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn header_of(token: &str) -> Value {
    serde_json::from_slice(&BASE64.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// Puts another header before the claims and signature of a token.
pub fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", BASE64.encode(header.to_string()))
}

/// Creates a task with a token; asserts that it is its owner's, and nobody else's.
async fn creates_its_own<Guard>(app: &Stack<Guard>, token: &str, owner: &str) {
    let created = app.bearing(token, "POST", "/tasks", json!({"title": "of a JWT"})).await;
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let key = json!({"PK": {"S": owner}, "SK": {"S": format!("TASK#{id}")}});
    let input = json!({"TableName": app.outputs.table_name, "Key": key});
    let item = app.account.dynamodb("GetItem", input).await.json();
    assert_eq!(item["Item"]["title"]["S"], "of a JWT", "{item}");
    let path = format!("/tasks/{id}");
    assert_eq!(app.bearing(token, "GET", &path, Value::Null).await.status, 200);
    assert_eq!(app.call("GET", &path, Value::Null).await.problem(), (404, "not-found".into()));
    assert_eq!(app.bearing(token, "DELETE", &path, Value::Null).await.status, 204);
}

#[tokio::test]
async fn a_machine_gets_a_token_with_its_secret_and_has_tasks_of_its_own() {
    let (_keys, app) = (keys().await, shared().await);
    let token = app.machine_token(None).await;
    let owner = format!("cognito:{}", app.output("machineClientId"));
    creates_its_own(&app, &token, &owner).await;
    let me = app.bearing(&token, "GET", "/me", Value::Null).await.json();
    assert_eq!((&me["id"], &me["owner"], &me["auth"]), (&json!(owner), &json!(owner), &json!("jwt")));
    assert_eq!(me["scopes"], json!(["tasks:read", "tasks:write"]));
    assert!(me["expiresAt"].is_string(), "{me}");
}

/// Signs claims as the issuer of `issuers.json` does: its key is that of RFC 8037, appendix A.1.
fn signed_by_the_other_issuer(claims: &Value) -> String {
    let [seed, public] =
        ["nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"]
            .map(|part| BASE64.decode(part).unwrap());
    let key = Ed25519KeyPair::from_seed_and_public_key(&seed, &public).unwrap();
    let header = json!({"alg": "EdDSA", "kid": "staff-1"});
    let signed = [&header, claims].map(|part| BASE64.encode(part.to_string())).join(".");
    format!("{signed}.{}", BASE64.encode(key.sign(signed.as_bytes())))
}

#[tokio::test]
async fn a_token_of_an_issuer_in_the_issuers_file_has_the_tasks_of_its_team() {
    let (_keys, app) = (keys().await, shared().await);
    let claims = json!({
        "iss": "https://login.example.com/realms/staff", "aud": "https://tasks.example.com", "sub": "ada",
        "team": "accounts", "scp": ["tasks:read", "tasks:write"], "iat": now(), "exp": now() + 600,
    });
    let token = signed_by_the_other_issuer(&claims);
    let me = app.bearing(&token, "GET", "/me", Value::Null).await;
    assert_eq!(me.status, 200, "{me:?}");
    let me = me.json();
    assert_eq!((&me["id"], &me["owner"]), (&json!("staff:ada"), &json!("staff:accounts")));
    assert_eq!((&me["scopes"], &me["auth"]), (&claims["scp"], &json!("jwt")));
    creates_its_own(&app, &token, "staff:accounts").await;

    for (member, value) in [("aud", json!("https://other.example.com")), ("iss", json!(app.output("issuer")))]
    {
        let mut other = claims.clone();
        other[member] = value;
        let refused = app.bearing(&signed_by_the_other_issuer(&other), "GET", "/me", Value::Null).await;
        assert_eq!(refused.problem(), (401, "unauthorized".into()), "{member}");
    }
}

#[tokio::test]
async fn a_person_signs_in_at_the_hosted_ui_and_has_tasks_of_their_own() {
    let (_keys, app) = (keys().await, shared().await);
    let (pool, client) = (app.output("userPoolId"), app.output("userPoolClientId"));
    let (name, password) = ("ada@example.com", "a-Password-of-12");
    app.account.cognito("AdminCreateUser", json!({"UserPoolId": pool, "Username": name})).await.done();
    let body = json!({"UserPoolId": pool, "Username": name, "Password": password, "Permanent": true});
    app.account.cognito("AdminSetUserPassword", body).await.done();

    // What the hosted UI's form sends.
    let form = format!(
        "username={name}&password={password}&client_id={client}&redirect_uri={CALLBACK}&response_type=code&state=s\
         &scope=openid tasks/read tasks/write&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let back = post(&format!("{}/login", app.output("hostedUi")), form).await;
    let location = back.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(CALLBACK), "{location}");
    let code = location.split(['?', '&']).find_map(|part| part.strip_prefix("code=")).unwrap();
    let exchange = |verifier: &str| {
        format!(
            "grant_type=authorization_code&client_id={client}&code={code}&redirect_uri={CALLBACK}&code_verifier={verifier}"
        )
    };
    let stolen = post(app.output("tokenEndpoint"), exchange(&VERIFIER.replace('d', "e"))).await;
    assert_eq!(stolen.status(), StatusCode::BAD_REQUEST, "a code without its verifier");
    let tokens = app.token_of(exchange(VERIFIER)).await;
    let access = tokens["access_token"].as_str().unwrap();
    let sub = claims_of(access)["sub"].as_str().unwrap().to_owned();
    creates_its_own(&app, access, &format!("cognito:{sub}")).await;
    // An ID token says who signed in, and is nothing to call an API with.
    let id_token = app.bearing(tokens["id_token"].as_str().unwrap(), "GET", "/me", Value::Null).await;
    assert_eq!(id_token.problem(), (401, "unauthorized".into()));

    let body = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client,
        "AuthParameters": {"USERNAME": name, "PASSWORD": password}});
    let by_api = app.account.cognito("InitiateAuth", body).await;
    assert!(by_api.status >= 400, "a sign-in that passes the hosted UI: {by_api:?}");
}

#[tokio::test]
async fn a_jwt_without_the_write_scope_reads_and_may_not_write() {
    let (_keys, app) = (keys().await, shared().await);
    let token = app.machine_token(Some("tasks/read")).await;
    assert_eq!(app.bearing(&token, "GET", "/tasks", Value::Null).await.status, 200);
    let refused = app.bearing(&token, "POST", "/tasks", json!({"title": "x"})).await;
    assert_eq!(refused.problem(), (403, "forbidden".into()));
    let challenge = r#"Bearer error="insufficient_scope", scope="tasks:write""#;
    assert_eq!(refused.header("x-amzn-Remapped-WWW-Authenticate"), Some(challenge), "{refused:?}");
}

#[tokio::test]
async fn a_jwt_that_ends_is_refused_within_a_second_although_the_gateway_knows_it() {
    let (_keys, app) = (keys().await, shared().await);
    let mut claims = app.claims("ends-soon");
    // Long enough for the first call, on a slow machine too.
    claims["exp"] = json!(now() + 6);
    let token = app.signed(&claims).await;
    let call = async || app.bearing(&token, "GET", "/me", Value::Null).await;
    assert_eq!(call().await.status, 200);
    while now() < claims["exp"].as_u64().unwrap() {
        sleep(Duration::from_millis(50)).await;
    }
    let refused = call().await;
    assert_eq!(refused.problem(), (401, "unauthorized".into()));
    // The task function's answer: the gateway's own would not say why.
    let challenge = r#"Bearer error="invalid_token", error_description="expired""#;
    assert_eq!(refused.header("x-amzn-Remapped-WWW-Authenticate"), Some(challenge), "{refused:?}");
    // The authorizer was asked once: the second answer came although its policy was cached.
    let pattern = json!(r#"{ $.principal = "cognito:ends-soon" }"#);
    let asked = app.matches("/tasks/dev/authorizer", &pattern).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
}

/// Returns tokens that nobody may call with, each with the reason in the authorizer's log.
async fn forged<Guard>(app: &Stack<Guard>) -> Vec<(&'static str, String)> {
    let claims = app.claims("forger");
    let with = |change: &[(&str, Value)]| {
        let mut changed = claims.clone();
        for (name, value) in change {
            changed[*name] = value.clone();
        }
        changed
    };
    let good = app.signed(&claims).await;
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    let header = header_of(&good);
    let altered = BASE64.encode(with(&[("sub", json!("somebody else"))]).to_string());
    let hmac_header = BASE64.encode(json!({"alg": "HS256", "kid": header["kid"]}).to_string());
    let hmac_part = format!("{hmac_header}.{}", good.split('.').nth(1).unwrap());
    let path = format!("/{}/.well-known/jwks.json", app.output("userPoolId"));
    let key_set = app.account.get("cognito-idp", &path).await.json();
    let public = key_set["keys"][0].to_string();
    let by_hmac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), hmac_part.as_bytes());
    let none = format!("{}.", with_header(signed_part, &json!({"alg": "none"})));
    vec![
        ("wrong-algorithm", with_header(&good, &json!({"alg": "ES256", "kid": header["kid"]}))),
        ("wrong-algorithm", format!("{hmac_part}.{}", BASE64.encode(by_hmac))),
        ("wrong-algorithm", none),
        ("bad-signature", format!("{}.{altered}.{signature}", good.split('.').next().unwrap())),
        ("bad-signature", format!("{signed_part}.{}", BASE64.encode([0; 256]))),
        ("unknown-token", format!("{good}.")),
        ("malformed", format!("{good}=")),
        ("too-large", format!("{good}{}", "A".repeat(8 * 1024))),
        (
            "wrong-issuer",
            app.signed(&with(&[("iss", json!("https://cognito-idp.us-east-1.amazonaws.com/x"))])).await,
        ),
        ("wrong-audience", app.signed(&with(&[("client_id", json!("another"))])).await),
        ("wrong-type", app.signed(&with(&[("token_use", json!("id"))])).await),
        ("expired", app.signed(&with(&[("exp", json!(now() - 1))])).await),
        ("malformed", app.signed(&with(&[("exp", Value::Null)])).await),
        ("not-yet-valid", app.signed(&with(&[("nbf", json!(now() + 600))])).await),
        ("no-owner", app.signed(&with(&[("sub", json!("a b"))])).await),
    ]
}

#[tokio::test]
async fn every_forged_jwt_is_401_and_its_reason_is_in_the_log_alone() {
    let (_keys, app) = (keys().await, shared().await);
    for (reason, token) in forged(&app).await {
        let pattern = json!(format!("{{ $.reason = \"{reason}\" }}"));
        let counted = async || app.matches("/tasks/dev/authorizer", &pattern).await.len();
        let before = counted().await;
        let refused = app.bearing(&token, "POST", "/tasks", json!({"title": "forged"})).await;
        assert_eq!(refused.problem(), (401, "unauthorized".into()), "{reason}: {token}");
        assert!(!refused.body.contains(reason), "{refused:?}");
        eventually(reason, async || (counted().await > before).then_some(())).await;
    }
}

#[tokio::test]
async fn strangers_cause_one_fetch_and_keys_rotate_without_a_failed_good_request() {
    let _keys = keys().await;
    let (old, later) = {
        let app = alone().await;
        app.restart_authorizer().await;
        let before = app.fetches().await;
        let good = app.signed(&app.claims("rotates-0")).await;
        assert_eq!(app.bearing(&good, "GET", "/me", Value::Null).await.status, 200);
        for n in 0..200 {
            let forged = with_header(&good, &json!({"alg": "RS256", "kid": format!("made up {n}")}));
            let refused = app.bearing(&forged, "GET", "/me", Value::Null).await;
            assert_eq!(refused.problem(), (401, "unauthorized".into()), "{n}");
        }
        assert_eq!(app.fetches().await - before, 1, "one in its window, whatever strangers make up");
        (good, app.signed(&app.claims("rotates-1")).await)
    };
    sleep(WINDOW).await;
    let app = alone().await;
    let before = app.fetches().await;
    app.admin("cognito/rotate", json!({"pool": app.output("userPoolId")})).await;
    let new = app.signed(&app.claims("rotates-2")).await;
    assert_ne!(header_of(&new)["kid"], header_of(&old)["kid"]);
    for token in [&old, &later, &new] {
        assert_eq!(app.bearing(token, "GET", "/me", Value::Null).await.status, 200);
    }
    assert_eq!(app.fetches().await - before, 1);
}

#[tokio::test]
async fn while_no_key_can_be_had_the_answer_is_503_and_not_401() {
    let (_keys, app) = (keys().await, alone().await);
    app.restart_authorizer().await;
    let down = json!({"service": "cognito-idp", "action": "jwks.json", "times": -1,
        "effect": {"error": {"status": 503, "code": "ServiceUnavailable"}}});
    app.admin("faults", down.clone()).await;
    let token = app.signed(&app.claims("waits")).await;
    let unavailable = app.bearing(&token, "GET", "/me", Value::Null).await;
    assert_eq!(unavailable.problem(), (503, "unavailable".into()));
    assert!(unavailable.header("Retry-After").is_some(), "{unavailable:?}");
    // Static tokens need no key.
    assert_eq!(app.call("GET", "/me", Value::Null).await.status, 200);

    app.lift_faults().await;
    eventually("the keys to be fetched", async || {
        (app.bearing(&token, "GET", "/me", Value::Null).await.status == 200).then_some(())
    })
    .await;
    // The last good keys outlive an outage.
    app.admin("faults", down).await;
    let another = app.signed(&app.claims("goes-on")).await;
    assert_eq!(app.bearing(&another, "GET", "/me", Value::Null).await.status, 200);
    app.lift_faults().await;
}
