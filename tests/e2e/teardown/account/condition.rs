//! The condition of the stack and of its functions.

use std::collections::BTreeMap;

use local_wire::text;
use serde_json::{Value, json};

use super::Account;
use crate::{stack::eventually, teardown::deployment::status_of};

impl Account {
    pub async fn stack_status(&self) -> String {
        status_of(&self.aws, &self.stack).await.unwrap_or_else(|| "none".to_owned())
    }

    pub async fn reaches_status(&self, status: &str) {
        eventually(&format!("the stack to be {status}"), async || {
            (self.stack_status().await == status).then_some(())
        })
        .await;
    }

    /// Counts the deletions of the service stack that began.
    pub async fn deletions(&self) -> usize {
        self.stack_events("DELETE_IN_PROGRESS").await
    }

    /// Counts how often the service stack, by its own events, came into a state.
    pub async fn stack_events(&self, status: &str) -> usize {
        let (mut count, mut next) = (0, None::<String>);
        loop {
            let mut parameters = vec![("StackName", self.stack.as_str())];
            parameters.extend(next.as_deref().map(|next| ("NextToken", next)));
            let page = self.aws.cloudformation("DescribeStackEvents", &parameters).await.done();
            let of_stack = page.split("<member>").filter(|event| {
                text(event, "ResourceType").as_deref() == Some("AWS::CloudFormation::Stack")
                    && text(event, "ResourceStatus").as_deref() == Some(status)
            });
            count += of_stack.count();
            next = text(&page, "NextToken");
            if next.is_none() {
                return count;
            }
        }
    }

    /// The task function's reserved concurrency: 0 is frozen.
    pub async fn concurrency(&self) -> Option<u64> {
        let path = format!("/2019-09-30/functions/{}/concurrency", self.outputs["TaskApiFunction"]);
        let answer = self.aws.get("lambda", &path).await.found()?;
        serde_json::from_str::<Value>(&answer).ok()?["ReservedConcurrentExecutions"].as_u64()
    }

    pub async fn task_function_tags(&self) -> BTreeMap<String, String> {
        let path = format!("/2015-03-31/functions/{}", self.outputs["TaskApiFunction"]);
        let function = self.aws.get("lambda", &path).await.json();
        serde_json::from_value(function["Tags"].clone()).unwrap_or_default()
    }

    pub async fn api_account_role(&self) -> String {
        let account = self.aws.get("apigateway", "/account").await.json();
        account["cloudwatchRoleArn"].as_str().unwrap_or_default().to_owned()
    }

    /// Every event of a log group.
    pub async fn log(&self, group: &str) -> Vec<String> {
        let (mut lines, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut input = json!({"logGroupName": group});
            if !next.is_null() {
                input["nextToken"] = next;
            }
            let mut page = self.aws.logs("FilterLogEvents", input).await.json();
            let events = page["events"].as_array().unwrap().iter();
            lines.extend(events.map(|event| event["message"].as_str().unwrap().to_owned()));
            next = page["nextToken"].take();
            if next.is_null() {
                return lines;
            }
        }
    }
}
