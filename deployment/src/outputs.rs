//! The file that a deployment writes for scripts and programs: `.local/outputs.json`.

use std::collections::BTreeMap;
use std::{fmt, fs, io, path::Path};

use serde::{Deserialize, Serialize};

/// The file's keys, in three groups: where the deployment is, the service, and the teardown workflow, which follows the service.
///
/// `cargo xtask up` replaces the file in one move, first without the teardown's keys, then with them.
/// A file that somebody writes by hand for an AWS account may hold the keys of the first and the last group alone.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    /// The local AWS; none on AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_stack: Option<String>,
    /// All of its keys or none.
    #[serde(flatten)]
    pub service: Option<Service>,
    #[serde(flatten)]
    pub teardown: Teardown,
    /// The stacks' other outputs, for scripts: the failure bucket, the evidence table, …
    #[serde(flatten)]
    pub more: BTreeMap<String, String>,
}

/// The service as its callers see it, and what looks into it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    pub api_url: String,
    /// Reads and writes.
    pub token: String,
    /// Same owner, reads only.
    pub read_only_token: String,
    /// Reads and writes as another owner.
    pub other_owner_token: String,
    pub table_name: String,
    pub audit_log_group: String,
    pub quarantine_log_group: String,
    pub task_api_function: String,
    pub audit_function: String,
}

/// The teardown workflow. Every key is missing until it is deployed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Teardown {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teardown_stack: Option<String>,
    /// All service stacks that it may remove, with commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_machine_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_log_group: Option<String>,
}

/// Something that a reader needs and the file does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Missing(&'static str);

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the outputs file does not name {}: run `cargo xtask up`", self.0)
    }
}

impl std::error::Error for Missing {}

impl Outputs {
    /// Reads a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }

    /// The local AWS's address.
    pub fn endpoint(&self) -> Result<&str, Missing> {
        self.endpoint_url.as_deref().ok_or(Missing("a local AWS"))
    }

    /// The service's part.
    pub fn service(&self) -> Result<&Service, Missing> {
        self.service.as_ref().ok_or(Missing("a whole service"))
    }

    /// The service stack's name.
    pub fn service_stack(&self) -> Result<&str, Missing> {
        self.service_stack.as_deref().ok_or(Missing("a service stack"))
    }

    /// Tells whether `cargo xtask up` has deployed the service and not yet the teardown, or was stopped in between.
    #[must_use]
    pub fn awaits_teardown(&self) -> bool {
        self.service.is_some() && self.teardown.state_machine_arn.is_none()
    }

    /// The workflow's ARN.
    pub fn state_machine(&self) -> Result<&str, Missing> {
        self.teardown.state_machine_arn.as_deref().ok_or(Missing("a teardown workflow"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Outputs;

    #[test]
    fn a_file_that_up_wrote_is_read_and_written_with_the_same_keys() {
        let file = json!({
            "apiUrl": "u", "endpointUrl": "http://127.0.0.1:1", "region": "us-east-1", "token": "T", "readOnlyToken": "R",
            "otherOwnerToken": "O", "tableName": "t", "auditLogGroup": "a", "quarantineLogGroup": "q", "serviceStack": "tasks-dev",
            "taskApiFunction": "f", "auditFunction": "g", "failureBucket": "b", "teardownStack": "tasks-teardown",
            "services": "tasks-dev", "stateMachineArn": "m", "reportLogGroup": "/tasks-teardown/report",
        });
        let outputs: Outputs = serde_json::from_value(file.clone()).expect("valid");
        assert_eq!(outputs.service().expect("whole").table_name, "t");
        assert_eq!(outputs.state_machine(), Ok("m"));
        assert!(!outputs.awaits_teardown());
        assert_eq!(outputs.more.get("failureBucket").map(String::as_str), Some("b"));
        assert_eq!(serde_json::to_value(outputs).expect("JSON"), file);
    }

    #[test]
    fn a_file_without_the_teardown_and_one_for_an_account_are_read_too() {
        let half = json!({
            "apiUrl": "u", "endpointUrl": "e", "region": "r", "token": "T", "readOnlyToken": "R", "otherOwnerToken": "O",
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
