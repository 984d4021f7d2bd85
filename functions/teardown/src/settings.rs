//! The deployment's settings, from the environment.

use std::{collections::BTreeSet, env};

use contract::limits::{DRAIN_SECONDS, Range, WATCH_SECONDS};
use runtime::{Error, required};

/// The deployment's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    pub evidence_table: String,
    pub report_log_group: String,
    /// The role with which `CloudFormation` deletes the service stack.
    pub executor_role_arn: String,
    /// A role that `CloudFormation` may assume and that may do nothing.
    pub powerless_role_arn: String,
    /// The types of resources that the executor may delete.
    pub kinds: BTreeSet<String>,
    /// Names of the stacks that may be torn down.
    pub services: Vec<String>,
    /// The name of the stack this function is in: never a target.
    pub teardown_stack: String,
    pub drain_seconds: u32,
    pub watch_seconds: u32,
}

impl Settings {
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self {
            evidence_table: required("EVIDENCE_TABLE")?,
            report_log_group: required("REPORT_LOG_GROUP")?,
            executor_role_arn: required("EXECUTOR_ROLE_ARN")?,
            powerless_role_arn: required("POWERLESS_ROLE_ARN")?,
            kinds: required("KINDS")?.split(',').map(str::to_owned).collect(),
            services: required("SERVICES")?.split(',').map(|name| name.trim().to_owned()).collect(),
            teardown_stack: required("TEARDOWN_STACK")?,
            drain_seconds: seconds("DRAIN_SECONDS", DRAIN_SECONDS)?,
            watch_seconds: seconds("WATCH_SECONDS", WATCH_SECONDS)?,
        })
    }
}

fn seconds(name: &str, range: Range) -> Result<u32, Error> {
    match env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name} is not a number of seconds").into()),
        Err(_) => Ok(range.default),
    }
}
