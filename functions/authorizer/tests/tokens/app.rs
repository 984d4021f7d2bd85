//! An authorizer with its settings, and calls of it.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

use authorizer::{Authorizer, Denied, Policy, Reason};
use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequest;
use lambda_runtime::Context;
use serde_json::{Value, json};

use crate::signer::{Signer, jwks};

/// The time of every call, unless the test says otherwise: 2027-01-15T08:00:00Z.
pub const NOW: i64 = 1_800_000_000;
pub const ISSUER: &str = "https://issuer.example/";
pub const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc/dev/GET/tasks/0198-an-id";
pub const TRACE: &str = "1-67891233-abcdef012345678912345678";

pub struct App(Authorizer);

impl App {
    /// No static tokens, and these issuers.
    pub fn of(issuers: &[Value]) -> Self {
        Self(Authorizer::parse("[]", &json!(issuers).to_string()).unwrap())
    }

    /// One issuer with these keys pinned.
    pub fn pinned(signers: &[&Signer]) -> Self {
        Self::of(&[pinned(signers)])
    }

    pub async fn at(&self, now: i64, header: &str) -> Result<Policy, Denied> {
        let mut request = ApiGatewayCustomAuthorizerRequest::default();
        request.authorization_token = Some(header.to_owned());
        request.method_arn = Some(ARN.to_owned());
        self.call(&request, now).await
    }

    pub async fn call(
        &self,
        request: &ApiGatewayCustomAuthorizerRequest,
        now: i64,
    ) -> Result<Policy, Denied> {
        let mut context = Context::default();
        context.request_id.push_str("7f2c8b52-0000-4000-8000-000000000000");
        context.xray_trace_id = Some(format!("Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1"));
        self.0.authorize(request, &context, now).await
    }

    pub async fn accepts(&self, token: &str) -> Policy {
        self.at(NOW, token).await.unwrap_or_else(|denied| panic!("{denied:?}: {token}"))
    }

    /// Returns the reason of a refusal.
    pub async fn refuses(&self, token: &str) -> Reason {
        match self.at(NOW, token).await {
            Err(Denied::Refused(reason)) => reason,
            other => panic!("{other:?}: {token}"),
        }
    }
}

impl From<Authorizer> for App {
    fn from(authorizer: Authorizer) -> Self {
        Self(authorizer)
    }
}

/// The settings of [`ISSUER`] with these keys pinned.
pub fn pinned(signers: &[&Signer]) -> Value {
    json!({
        "issuer": ISSUER, "audience": ["tasks", "https://tasks.example"], "algorithms": ["RS256", "ES256", "EdDSA"],
        "jwks": jwks(signers), "ownerPrefix": "one:",
    })
}

/// The claims of a good token.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "tasks", "sub": "user-1", "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 600,
        "scope": "tasks:read tasks:write openid",
    })
}

/// The claims of a good token with some members replaced; null removes one.
pub fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The log lines of this thread since `start`, in the form that `runtime::init_log` gives them.
pub struct Log;

impl Log {
    /// Tests share one subscriber. With one for each, a test that has none may be the first to reach a log line, and `tracing`
    /// then remembers that nobody is interested in it.
    pub fn start() -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            tracing_subscriber::fmt().json().flatten_event(true).with_writer(|| Lines).init();
        });
        LINES.with_borrow_mut(Vec::clear);
        Self
    }

    #[expect(clippy::unused_self, reason = "only after `start`")]
    pub fn text(&self) -> String {
        String::from_utf8(LINES.with_borrow(Vec::clone)).unwrap()
    }

    pub fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
