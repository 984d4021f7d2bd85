//! Plain HTTP calls to the local AWS.

use std::time::Duration;

use anyhow::{Context, Result};
use local_wire::{Answer, Request, root, text};
use serde_json::Value;

use crate::tools::environment::REGION;

/// Makes a client of this machine's servers, for which any status is an answer and no error.
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
    /// Makes a client, which does not connect yet.
    pub fn new(endpoint: &str) -> Self {
        Self { agent: agent(Duration::from_secs(10)), endpoint: endpoint.to_owned() }
    }

    /// Calls an action of a service with the JSON protocol; `target` is what stands in `X-Amz-Target`.
    pub fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        self.send(&Request::json(service, target, body))?.json().with_context(|| format!("{target} failed"))
    }

    /// Calls an action of a service with the query protocol; the answer is XML.
    pub fn query(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let answer = self.send(&Request::query(service, action, parameters))?;
        answer.done().with_context(|| format!("{action} failed"))
    }

    /// Lists the names of the buckets, as XML.
    pub fn buckets(&self) -> Result<String> {
        Ok(self.send(&Request::rest("s3", "GET", "/", Vec::new()))?.done()?)
    }

    /// Tells whether a function may run no invocation at all; false too when the local AWS does not say.
    pub fn is_stopped(&self, function: &str) -> bool {
        let path = format!("/2019-09-30/functions/{function}/concurrency");
        let answer = self.send(&Request::rest("lambda", "GET", &path, Vec::new()));
        let answer = answer.ok().and_then(|answer| answer.json().ok());
        answer.is_some_and(|answer| answer["ReservedConcurrentExecutions"] == 0)
    }

    /// Reads one of the launcher's own endpoints.
    pub fn launcher(&self, path: &str) -> Result<String> {
        Ok(self.send(&Request::launcher("GET", path, None))?.done()?)
    }

    /// Posts to one of the launcher's own endpoints.
    pub fn set(&self, path: &str, body: &Value) -> Result<()> {
        let answer = self.send(&Request::launcher("POST", path, Some(body)))?;
        answer.done().map(drop).with_context(|| format!("POST {path} failed"))
    }

    /// Clears one of the launcher's own endpoints.
    pub fn clear(&self, path: &str) -> Result<()> {
        let answer = self.send(&Request::launcher("DELETE", path, None))?;
        answer.done().map(drop).with_context(|| format!("DELETE {path} failed"))
    }

    /// Tells the status of a `CloudFormation` stack; `None` when there is no such stack or the local AWS does not answer.
    pub fn stack_status(&self, stack: &str) -> Option<String> {
        let answer = self.query("cloudformation", "DescribeStacks", &[("StackName", stack)]).ok()?;
        text(&answer, "StackStatus")
    }

    fn send(&self, request: &Request) -> Result<Answer> {
        let mut http = ureq::http::Request::builder()
            .method(request.method.as_str())
            .uri(format!("{}{}", self.endpoint, request.path));
        if let Some(service) = &request.service {
            http = http.header("authorization", root("test", REGION, service));
        }
        for (name, value) in &request.headers {
            http = http.header(*name, value);
        }
        let http = http.body(request.body.clone()).context("the request cannot be made")?;
        let mut answer = self
            .agent
            .run(http)
            .with_context(|| format!("the local AWS at {} does not answer", self.endpoint))?;
        let body = answer.body_mut().read_to_string().context("an answer of the local AWS broke off")?;
        Ok(Answer { status: answer.status().as_u16(), body })
    }
}
