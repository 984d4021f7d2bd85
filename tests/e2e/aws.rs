//! Plain calls to the local AWS in one account: what an SDK would send, without its retries.

use std::{ops::Deref, time::SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use local_wire::{Request, root};
use reqwest::{Client, Method, header::HeaderName};
use serde_json::{Value, json};

/// The account that everything is deployed into by default.
const DEFAULT_ACCOUNT: &str = "000000000000";

/// An account and region, and the identity that calls there: root or an IAM user. A 12-digit access key selects the account.
#[derive(Debug, Clone)]
pub struct Aws {
    pub account: String,
    pub region: String,
    pub endpoint: String,
    user: Option<Credentials>,
    http: Client,
}

/// An answer of the local AWS. One that is not as expected stops the test.
#[derive(Debug)]
pub struct Answer(local_wire::Answer);

impl Deref for Answer {
    type Target = local_wire::Answer;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Answer {
    /// Returns the body of a success.
    #[track_caller]
    pub fn done(self) -> String {
        self.0.done().unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// Returns the body of a success, or `None` if the service says that there is no such thing.
    #[track_caller]
    pub fn found(self) -> Option<String> {
        self.0.found().unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// Returns the body of a success as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        self.0.json().unwrap_or_else(|refused| panic!("{refused}"))
    }
}

impl Aws {
    /// Returns the default account, as its root user.
    pub fn new(endpoint: &str, region: &str) -> Self {
        let (account, endpoint) = (DEFAULT_ACCOUNT.to_owned(), endpoint.to_owned());
        Self { account, region: region.to_owned(), endpoint, user: None, http: Client::new() }
    }

    /// Returns another account on the same local AWS.
    pub fn neighbour(&self, account: String) -> Self {
        Self { account, ..self.clone() }
    }

    /// Returns the same account, as one of its IAM users.
    pub fn signed_in_as(&self, user: Credentials) -> Self {
        Self { user: Some(user), ..self.clone() }
    }

    async fn send(&self, request: Request) -> Answer {
        let method = Method::from_bytes(request.method.as_bytes()).unwrap();
        let mut http = self.http.request(method, format!("{}{}", self.endpoint, request.path));
        for (name, value) in &request.headers {
            http = http.header(*name, value);
        }
        let mut http = http.body(request.body).build().unwrap();
        match (&request.service, &self.user) {
            (None, _) => {}
            (Some(service), None) => {
                let authorization = root(&self.account, &self.region, service).parse().unwrap();
                http.headers_mut().insert("Authorization", authorization);
            }
            (Some(service), Some(user)) => self.sign(service, user, &mut http),
        }
        let answer = self.http.execute(http).await.unwrap();
        let status = answer.status().as_u16();
        Answer(local_wire::Answer { status, body: answer.text().await.unwrap() })
    }

    fn sign(&self, service: &str, user: &Credentials, request: &mut reqwest::Request) {
        let identity = user.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let body = SignableBody::Bytes(request.body().and_then(|body| body.as_bytes()).unwrap_or_default());
        let signable = SignableRequest::new(request.method().as_str(), request.url().as_str(), headers, body);
        let (instructions, _) = sign(signable.unwrap(), &parameters).unwrap().into_parts();
        for (name, value) in instructions.headers() {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
    }

    /// Calls a service of the query protocol: CloudFormation, IAM, CloudWatch.
    pub async fn query(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.send(Request::query(service, action, parameters)).await
    }

    pub async fn cloudformation(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.query("cloudformation", action, parameters).await
    }

    pub async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.query("iam", action, parameters).await
    }

    pub async fn dynamodb(&self, action: &str, body: Value) -> Answer {
        self.send(Request::json("dynamodb", &format!("DynamoDB_20120810.{action}"), &body)).await
    }

    pub async fn logs(&self, action: &str, body: Value) -> Answer {
        self.send(Request::json("logs", &format!("Logs_20140328.{action}"), &body)).await
    }

    pub async fn cognito(&self, action: &str, body: Value) -> Answer {
        let target = format!("AWSCognitoIdentityProviderService.{action}");
        self.send(Request::json("cognito-idp", &target, &body)).await
    }

    pub async fn states(&self, action: &str, body: Value) -> Answer {
        self.send(Request::json("states", &format!("AWSStepFunctions.{action}"), &body)).await
    }

    pub async fn events(&self, action: &str, body: Value) -> Answer {
        self.send(Request::json("events", &format!("AWSEvents.{action}"), &body)).await
    }

    pub async fn kms(&self, action: &str, body: Value) -> Answer {
        self.send(Request::json("kms", &format!("TrentService.{action}"), &body)).await
    }

    pub async fn sqs(&self, action: &str, body: Value) -> Answer {
        self.send(Request::json("sqs", &format!("AmazonSQS.{action}"), &body)).await
    }

    pub async fn ssm(&self, action: &str, body: Value) -> Answer {
        self.send(Request::json("ssm", &format!("AmazonSSM.{action}"), &body)).await
    }

    /// Calls a service whose actions are paths: Lambda, API Gateway, S3.
    pub async fn rest(&self, service: &str, method: &str, path: &str, body: Vec<u8>) -> Answer {
        self.send(Request::rest(service, method, path, body)).await
    }

    pub async fn get(&self, service: &str, path: &str) -> Answer {
        self.rest(service, "GET", path, Vec::new()).await
    }

    pub async fn delete(&self, service: &str, path: &str) -> Answer {
        self.rest(service, "DELETE", path, Vec::new()).await
    }

    /// Calls one of the launcher's own endpoints, for all accounts unless the body names one.
    pub async fn launcher(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send(Request::launcher(method, &format!("/_local/{path}"), body.as_ref())).await
    }

    /// Sets the share of each wait of a state machine that passes, for all accounts.
    pub async fn scale_waits(&self, scale: f64) {
        let body = json!({"stepfunctions._SFN_WAIT_SCALE": scale});
        self.send(Request::launcher("POST", "/_ministack/config", Some(&body))).await.done();
    }

    /// Posts to one of the launcher's own endpoints, for this account only.
    pub async fn admin(&self, path: &str, mut body: Value) -> Value {
        body["account"] = json!(self.account);
        self.launcher("POST", path, Some(body)).await.json()
    }

    /// Removes the faults of this account.
    pub async fn lift_faults(&self) {
        self.launcher("DELETE", "faults", Some(json!({"account": self.account}))).await.done();
    }

    /// Returns the calls that a function has made so far, in order: service, action and status, which is `None` without an answer.
    pub async fn calls_of(&self, caller: &str) -> Vec<(String, String, Option<u64>)> {
        let all = self.launcher("GET", "calls", None).await.json();
        let ours = all
            .as_array()
            .unwrap()
            .iter()
            .filter(|call| call["account"] == self.account.as_str() && call["caller"] == caller);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        ours.map(|call| (text(&call["service"]), text(&call["action"]), call["status"].as_u64())).collect()
    }

    /// Returns how often the faults of this account have struck.
    pub async fn faults_hit(&self) -> u64 {
        let rules = self.launcher("GET", "faults", None).await.json();
        let ours = rules.as_array().unwrap().iter().filter(|rule| rule["account"] == self.account.as_str());
        ours.map(|rule| rule["hits"].as_u64().unwrap()).sum()
    }
}
