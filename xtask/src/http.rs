//! Plain HTTP calls to the local AWS.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A client of one local AWS.
#[derive(Debug)]
pub struct LocalAws {
    agent: ureq::Agent,
    endpoint: String,
}

impl LocalAws {
    /// Does not connect yet.
    pub fn new(endpoint: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            // A company's proxy does not reach our loopback.
            .proxy(None)
            .build();
        Self { agent: config.into(), endpoint: endpoint.to_owned() }
    }

    /// Calls an action of a service with the JSON protocol; `target` is what stands in `X-Amz-Target`.
    pub fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let text = self.post(
            service,
            &[("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")],
            &body.to_string(),
        )?;
        serde_json::from_str(&text).with_context(|| format!("{target} answered something else than JSON"))
    }

    /// The status of a `CloudFormation` stack; `None` when there is no such stack or nobody answers.
    pub fn stack_status(&self, stack: &str) -> Option<String> {
        let body = format!("Action=DescribeStacks&Version=2010-05-15&StackName={stack}");
        let answer = self
            .post("cloudformation", &[("content-type", "application/x-www-form-urlencoded")], &body)
            .ok()?;
        status_in(&answer)
    }

    fn post(&self, service: &str, headers: &[(&str, &str)], body: &str) -> Result<String> {
        let mut request = self.agent.post(&self.endpoint).header(
            "authorization",
            // The local AWS reads the account and the service from the scope and checks no signature.
            format!("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"),
        );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request
            .send(body)
            .with_context(|| format!("the local AWS at {} does not answer", self.endpoint))?;
        let text = answer.body_mut().read_to_string().context("an answer of the local AWS broke off")?;
        if !answer.status().is_success() {
            bail!("the local AWS answered {}: {text}", answer.status());
        }
        Ok(text)
    }
}

fn status_in(xml: &str) -> Option<String> {
    let (_, rest) = xml.split_once("<StackStatus>")?;
    let (status, _) = rest.split_once("</StackStatus>")?;
    Some(status.to_owned())
}

#[cfg(test)]
mod tests {
    use super::status_in;

    #[test]
    fn the_status_is_found_in_the_answer() {
        let answer = "<Stacks><member><StackStatus>UPDATE_COMPLETE</StackStatus></member></Stacks>";
        assert_eq!(status_in(answer).as_deref(), Some("UPDATE_COMPLETE"));
        assert_eq!(status_in("<Error>Stack does not exist</Error>"), None);
    }
}
