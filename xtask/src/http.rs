//! Plain HTTP calls to the local AWS.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::http::Request;

use crate::xml;

/// A client of this machine's servers; a status is an answer, not an error.
pub fn agent(timeout: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false);
    // A company's proxy does not reach our loopback.
    config.proxy(None).build().into()
}

/// A client of one local AWS.
#[derive(Debug)]
pub struct LocalAws {
    agent: ureq::Agent,
    endpoint: String,
}

impl LocalAws {
    /// Does not connect yet.
    pub fn new(endpoint: &str) -> Self {
        Self { agent: agent(Duration::from_secs(10)), endpoint: endpoint.to_owned() }
    }

    /// Calls an action of a service with the JSON protocol; `target` is what stands in `X-Amz-Target`.
    pub fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let text = self.json_answer(service, target, body)?.done()?;
        serde_json::from_str(&text).with_context(|| format!("{target} answered something else than JSON"))
    }

    /// The same, with the answer as it came.
    pub fn json_answer(&self, service: &str, target: &str, body: &Value) -> Result<Answer> {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")];
        self.send(service, "POST", "/", &headers, &body.to_string())
    }

    /// Calls an action of a service with the query protocol; the answer is XML.
    pub fn query(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> Result<Answer> {
        let pairs =
            [("Action", action), ("Version", "2010-05-15")].into_iter().chain(parameters.iter().copied());
        let body: Vec<String> =
            pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(service, "POST", "/", &headers, &body.join("&"))
    }

    /// Calls a service whose actions are paths.
    pub fn rest(&self, service: &str, method: &str, path: &str) -> Result<Answer> {
        self.send(service, method, path, &[], "")
    }

    /// Posts to one of the launcher's own endpoints.
    pub fn admin(&self, path: &str, body: &Value) -> Result<String> {
        self.send("local", "POST", path, &[("content-type", "application/json")], &body.to_string())?.done()
    }

    /// The status of a `CloudFormation` stack; `None` when there is no such stack or nobody answers.
    pub fn stack_status(&self, stack: &str) -> Option<String> {
        let answer = self.query("cloudformation", "DescribeStacks", &[("StackName", stack)]).ok()?;
        xml::text(&answer.body, "StackStatus")
    }

    fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.endpoint)).header(
            "authorization",
            // Root's: the local AWS reads the service from the scope and takes the signature on trust.
            format!("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"),
        );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).context("the request cannot be made")?;
        let mut answer = self
            .agent
            .run(request)
            .with_context(|| format!("the local AWS at {} does not answer", self.endpoint))?;
        let body = answer.body_mut().read_to_string().context("an answer of the local AWS broke off")?;
        Ok(Answer { status: answer.status().as_u16(), body })
    }
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The body of a success.
    pub fn done(self) -> Result<String> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        bail!("the local AWS answered {}: {}", self.status, self.body)
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

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn parameters_are_encoded() {
        assert_eq!(encoded("arn:aws:iam::1:role/a b"), "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b");
    }
}
