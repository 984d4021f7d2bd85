//! Plain calls of the emulated AWS in one account: what an SDK would send, without its retries.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::stack::Outputs;

/// One account and region, which a 12-digit access key id selects.
#[derive(Debug, Clone)]
pub struct Aws {
    pub account: String,
    pub region: String,
    pub endpoint: String,
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
    pub fn new(outputs: &Outputs, account: String) -> Self {
        let (region, endpoint) = (outputs.region.clone(), outputs.endpoint_url.clone());
        Self { account, region, endpoint, http: Client::new() }
    }

    fn request(&self, service: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        let scope = format!("{}/20260101/{}/{service}/aws4_request", self.account, self.region);
        let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        self.http.request(method, format!("{}{path}", self.endpoint)).header("Authorization", authorization)
    }

    async fn send(request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        Answer { status: answer.status(), body: answer.text().await.unwrap() }
    }

    /// A service of the query protocol: CloudFormation, IAM, CloudWatch.
    pub async fn query(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
        let fields =
            [("Action", action), ("Version", "2010-05-15")].into_iter().chain(parameters.iter().copied());
        let body: Vec<_> =
            fields.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let request = self.request(service, Method::POST, "/");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        Self::send(request.body(body.join("&"))).await
    }

    pub async fn cloudformation(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.query("cloudformation", action, parameters).await
    }

    pub async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Answer {
        self.query("iam", action, parameters).await
    }

    /// A service of the JSON protocol, by its target header.
    async fn target(&self, service: &str, target: &str, action: &str, body: &Value) -> Answer {
        let request = self.request(service, Method::POST, "/");
        let request = request.header("X-Amz-Target", format!("{target}.{action}"));
        let request = request.header("Content-Type", "application/x-amz-json-1.1");
        Self::send(request.body(body.to_string())).await
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
        let mut request = self.request(service, method, path);
        if service != "s3" {
            request = request.header("Content-Type", "application/json");
        }
        Self::send(request.body(body)).await
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
        Self::send(self.http.post(url).json(&body)).await.json()
    }

    /// Takes the faults of this account away.
    pub async fn mend(&self) {
        let request = self.http.delete(format!("{}/_local/faults", self.endpoint));
        Self::send(request.json(&json!({"account": self.account}))).await.done();
    }

    /// The calls that the step function made so far, in order: service, action, status.
    pub async fn calls_of(&self, caller: &str) -> Vec<(String, String, Option<u64>)> {
        let url = format!("{}/_local/calls", self.endpoint);
        let all = Self::send(self.http.get(url)).await.json();
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
        let rules = Self::send(self.http.get(url)).await.json();
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
