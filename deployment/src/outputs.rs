//! The outputs file, which a deployment writes for scripts and programs: `.local/outputs.json`.

use std::collections::BTreeMap;
use std::{fmt, fs, io, path::Path};

use serde::{Deserialize, Serialize};

/// The keys of the outputs file, in three groups: where the deployment is, the service, and the teardown workflow.
///
/// `cargo xtask up` replaces the file atomically, first without the teardown's keys, later with them. A file that is written
/// manually for an AWS account may have only the keys of the first and the last group.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    /// The address of the local AWS; none on AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_stack: Option<String>,
    /// Either all of its keys or none.
    #[serde(flatten)]
    pub service: Option<Service>,
    #[serde(flatten)]
    pub teardown: Teardown,
    /// The stacks' other outputs, for scripts: the failure bucket, the evidence table, …
    #[serde(flatten)]
    pub more: BTreeMap<String, String>,
}

/// The service: its API and tokens, its table, logs and functions.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    pub api_url: String,
    /// A token that may read and write.
    pub token: String,
    /// A token of the same owner that may only read.
    pub read_only_token: String,
    /// A token of the same owner that may only write.
    pub write_only_token: String,
    /// A token of another owner that may read and write.
    pub other_owner_token: String,
    pub table_name: String,
    pub audit_log_group: String,
    pub quarantine_log_group: String,
    pub task_api_function: String,
    pub audit_function: String,
}

/// The teardown workflow. All keys are missing until it is deployed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Teardown {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teardown_stack: Option<String>,
    /// The service stacks that it may remove, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_machine_arn: Option<String>,
    /// The machine that can do nothing but plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_machine_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_log_group: Option<String>,
}

/// A part of the deployment that a reader needs and the file does not name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Missing(&'static str);

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the outputs file does not name {}: run `cargo xtask up`", self.0)
    }
}

impl std::error::Error for Missing {}

impl Outputs {
    /// Reads an outputs file.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// Returns the address of the local AWS.
    pub fn endpoint(&self) -> Result<&str, Missing> {
        self.endpoint_url.as_deref().ok_or(Missing("a local AWS"))
    }

    /// Returns the service's keys.
    pub fn service(&self) -> Result<&Service, Missing> {
        self.service.as_ref().ok_or(Missing("a complete service"))
    }

    /// Returns the name of the service stack.
    pub fn service_stack(&self) -> Result<&str, Missing> {
        self.service_stack.as_deref().ok_or(Missing("a service stack"))
    }

    /// Returns whether `cargo xtask up` has deployed the service but not yet the teardown, or was stopped in between.
    #[must_use]
    pub fn awaits_teardown(&self) -> bool {
        self.service.is_some() && self.teardown.state_machine_arn.is_none()
    }

    /// Returns the ARN of the teardown workflow.
    pub fn state_machine(&self) -> Result<&str, Missing> {
        self.teardown.state_machine_arn.as_deref().ok_or(Missing("a teardown workflow"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Outputs;

    #[test]
    fn a_file_keeps_its_keys_when_it_is_read_and_written() {
        let file = json!({
            "apiUrl": "u", "endpointUrl": "http://127.0.0.1:1", "region": "us-east-1", "token": "T", "readOnlyToken": "R", "writeOnlyToken": "W",
            "otherOwnerToken": "O", "tableName": "t", "auditLogGroup": "a", "quarantineLogGroup": "q", "serviceStack": "tasks-dev",
            "taskApiFunction": "f", "auditFunction": "g", "failureBucket": "b", "teardownStack": "tasks-teardown",
            "services": "tasks-dev", "stateMachineArn": "m", "planMachineArn": "p", "reportLogGroup": "/tasks-teardown/report",
        });
        let outputs: Outputs = serde_json::from_value(file.clone()).expect("valid");
        assert_eq!(outputs.service().expect("complete").table_name, "t");
        assert_eq!(outputs.state_machine(), Ok("m"));
        assert!(!outputs.awaits_teardown());
        assert_eq!(outputs.more.get("failureBucket").map(String::as_str), Some("b"));
        assert_eq!(serde_json::to_value(outputs).expect("JSON"), file);
    }

    #[test]
    fn a_file_without_the_teardown_or_without_the_service_is_read() {
        let half = json!({
            "apiUrl": "u", "endpointUrl": "e", "region": "r", "token": "T", "readOnlyToken": "R", "writeOnlyToken": "W", "otherOwnerToken": "O",
            "tableName": "t", "auditLogGroup": "a", "quarantineLogGroup": "q", "serviceStack": "tasks-dev",
            "taskApiFunction": "f", "auditFunction": "g",
        });
        let outputs: Outputs = serde_json::from_value(half).expect("valid");
        assert!(outputs.awaits_teardown());
        let missing = outputs.state_machine().expect_err("not deployed yet").to_string();
        assert!(missing.contains("teardown workflow"), "{missing}");

        let account =
            json!({"region": "eu-west-1", "serviceStack": "tasks-prod", "teardownStack": "tasks-end"});
        let outputs: Outputs = serde_json::from_value(account).expect("valid");
        assert_eq!(outputs.teardown.teardown_stack.as_deref(), Some("tasks-end"));
        assert!(outputs.service.is_none() && outputs.endpoint().is_err() && !outputs.awaits_teardown());
    }
}
