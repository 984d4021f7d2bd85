//! Plain calls of the emulated AWS in one account: what an SDK would send, without its retries.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use reqwest::{Client, Method, Request, StatusCode, header::HeaderName};
use serde_json::{Value, json};

use crate::stack::root;

/// One account and region, which a 12-digit access key id selects, and who calls there: root, or a user.
#[derive(Debug, Clone)]
pub struct Aws {
    pub account: String,
    pub region: String,
    pub endpoint: String,
    user: Option<Credentials>,
    http: Client,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: String,
}

impl Answer {
    /// The body of a success; the test stops at anything else.
    #[track_caller]
    pub fn done(self) -> String {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        self.body
    }

    /// The body of a success; `None` when the service says that there is no such thing.
    #[track_caller]
    pub fn found(self) -> Option<String> {
        let missing = ["NotFound", "NoSuch", "does not exist"].iter().any(|word| self.body.contains(word));
        if self.status == 404 || (self.status.is_client_error() && missing) {
            return None;
        }
        Some(self.done())
    }

    #[track_caller]
    pub fn json(self) -> Value {
        let body = self.done();
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("not JSON: {body}"))
    }
}

impl Aws {
    pub fn new(endpoint: &str, region: &str, account: String) -> Self {
        let (region, endpoint) = (region.to_owned(), endpoint.to_owned());
        Self { account, region, endpoint, user: None, http: Client::new() }
    }

    /// The same account, as an IAM user of it sees it.
    pub fn signed_in_as(&self, user: Credentials) -> Self {
        Self { user: Some(user), ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.endpoint))
    }

    async fn send(&self, service: &str, request: reqwest::RequestBuilder) -> Answer {
        let mut request = request.build().unwrap();
        match &self.user {
            None => {
                let authorization = root(&self.account, &self.region, service).parse().unwrap();
                request.headers_mut().insert("Authorization", authorization);
            }
            Some(user) => self.sign(service, user, &mut request),
        }
        Self::answer(self.http.execute(request).await.unwrap()).await
    }

    async fn answer(answer: reqwest::Response) -> Answer {
        Answer { status: answer.status(), body: answer.text().await.unwrap() }
    }

    fn sign(&self, service: &str, user: &Credentials, request: &mut Request) {
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

    /// A service of the query protocol: CloudFormation, IAM, CloudWatch.
    pub async fn query(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let fields =
            [("Action", action), ("Version", "2010-05-15")].into_iter().chain(parameters.iter().copied());
        let body: Vec<_> =
            fields.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let request = self.request(Method::POST, "/");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        self.send(service, request.body(body.join("&"))).await
    }

    pub async fn cloudformation(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.query("cloudformation", action, parameters).await
    }

    pub async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.query("iam", action, parameters).await
    }

    /// A service of the JSON protocol, by its target header.
    async fn target(&self, service: &str, target: &str, action: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, "/");
        let request = request.header("X-Amz-Target", format!("{target}.{action}"));
        let request = request.header("Content-Type", "application/x-amz-json-1.1");
        self.send(service, request.body(body.to_string())).await
    }

    pub async fn dynamodb(&self, action: &str, body: Value) -> Answer {
        self.target("dynamodb", "DynamoDB_20120810", action, &body).await
    }

    pub async fn logs(&self, action: &str, body: Value) -> Answer {
        self.target("logs", "Logs_20140328", action, &body).await
    }

    pub async fn states(&self, action: &str, body: Value) -> Answer {
        self.target("states", "AWSStepFunctions", action, &body).await
    }

    pub async fn ssm(&self, action: &str, body: Value) -> Answer {
        self.target("ssm", "AmazonSSM", action, &body).await
    }

    /// A service with paths: Lambda, API Gateway, S3.
    pub async fn rest(&self, service: &str, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.request(method, path);
        if service != "s3" {
            request = request.header("Content-Type", "application/json");
        }
        self.send(service, request.body(body)).await
    }

    pub async fn get(&self, service: &str, path: &str) -> Answer {
        self.rest(service, "GET", path, Vec::new()).await
    }

    pub async fn delete(&self, service: &str, path: &str) -> Answer {
        self.rest(service, "DELETE", path, Vec::new()).await
    }

    /// Posts to one of the launcher's admin endpoints, for this account alone.
    pub async fn admin(&self, path: &str, mut body: Value) -> Value {
        body["account"] = json!(self.account);
        let url = format!("{}/_local/{path}", self.endpoint);
        Self::answer(self.http.post(url).json(&body).send().await.unwrap()).await.json()
    }

    /// Takes the faults of this account away.
    pub async fn mend(&self) {
        let request = self.http.delete(format!("{}/_local/faults", self.endpoint));
        let answer = request.json(&json!({"account": self.account})).send().await.unwrap();
        Self::answer(answer).await.done();
    }

    /// The calls that the step function made so far, in order: service, action, status.
    pub async fn calls_of(&self, caller: &str) -> Vec<(String, String, Option<u64>)> {
        let url = format!("{}/_local/calls", self.endpoint);
        let all = Self::answer(self.http.get(url).send().await.unwrap()).await.json();
        let ours = all
            .as_array()
            .unwrap()
            .iter()
            .filter(|call| call["account"] == self.account.as_str() && call["caller"] == caller);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        ours.map(|call| (text(&call["service"]), text(&call["action"]), call["status"].as_u64())).collect()
    }

    /// How often the faults of this account have struck.
    pub async fn faults_hit(&self) -> u64 {
        let url = format!("{}/_local/faults", self.endpoint);
        let rules = Self::answer(self.http.get(url).send().await.unwrap()).await.json();
        let ours = rules.as_array().unwrap().iter().filter(|rule| rule["account"] == self.account.as_str());
        ours.map(|rule| rule["hits"].as_u64().unwrap()).sum()
    }
}

/// Percent-encoded, but for what never needs it.
pub fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The text of every element of this name that holds no other, in order.
pub fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let text = |part: &str| part.split(&close).next().unwrap_or_default().to_owned();
    xml.split(&open).skip(1).map(|part| unescaped(&text(part))).collect()
}

pub fn text(xml: &str, name: &str) -> Option<String> {
    texts(xml, name).into_iter().next()
}

fn unescaped(text: &str) -> String {
    let signs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#x27;", "'"), ("&amp;", "&")];
    signs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
