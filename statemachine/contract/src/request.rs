//! The request of an operator: the execution's input.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::listed::listed;

/// The execution's input, understood. A field that is not here is an error: a misspelt consent must not pass for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a consent of its own")]
pub struct Request {
    /// The service stack's name.
    pub stack: String,
    /// The stack's name once more: a real run needs it.
    pub confirm: Option<String>,
    /// Ends with the plan.
    #[serde(default)]
    pub dry_run: bool,
    /// A person approves before anything is changed.
    #[serde(default)]
    pub approval: bool,
    /// The hash of the plan that was read: another plan stops.
    pub plan_hash: Option<String>,
    /// Consent to lift the deletion protection of the table, and of a user pool.
    #[serde(default)]
    pub delete_data: bool,
    /// Consent to delete what never reached the audit log: everything in the stack's buckets, and in a quarantine that is to go.
    #[serde(default)]
    pub empty_buckets: bool,
    #[serde(default)]
    pub override_termination_protection: bool,
    /// Consent to lift the deletion protection of log groups that are to go.
    #[serde(default)]
    pub override_log_protection: bool,
    #[serde(default = "yes")]
    pub keep_audit_log: bool,
    /// Back the table up first.
    #[serde(default = "yes")]
    pub backup: bool,
    /// Let `DynamoDB` keep its own backup of the deleted table for 35 days. Without it, point-in-time recovery is switched off
    /// before the deletion.
    #[serde(default = "yes")]
    pub system_backup: bool,
    /// Logical ids of resources to be left behind, which nothing deletes.
    #[serde(default)]
    pub abandon: BTreeSet<String>,
    /// Delete in `CloudFormation`'s Express mode: it does not wait for what its services still delete. Prove does.
    #[serde(default)]
    pub express: bool,
}

fn yes() -> bool {
    true
}

/// The plan of a stack without a name: nothing is asked for and nothing consented to.
impl Default for Request {
    fn default() -> Self {
        Self::plan(String::new())
    }
}

impl Request {
    /// Returns a dry run that consents to nothing.
    #[must_use]
    pub fn plan(stack: String) -> Self {
        Self {
            stack,
            confirm: None,
            dry_run: true,
            approval: false,
            plan_hash: None,
            delete_data: false,
            empty_buckets: false,
            override_termination_protection: false,
            override_log_protection: false,
            keep_audit_log: true,
            backup: true,
            system_backup: true,
            abandon: BTreeSet::new(),
            express: false,
        }
    }

    /// Tells whether this consent is given.
    #[must_use]
    pub const fn consents(&self, consent: Consent) -> bool {
        match consent {
            Consent::DeleteData => self.delete_data,
            Consent::EmptyBuckets => self.empty_buckets,
            Consent::OverrideTerminationProtection => self.override_termination_protection,
            Consent::OverrideLogProtection => self.override_log_protection,
        }
    }
}

/// The question to a person, as the approval's event carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The execution's ARN.
    pub execution: String,
    pub stack: String,
    pub plan_hash: String,
    /// The token to answer with.
    pub task_token: String,
}

listed! {
    /// A consent that is never given by default, by the name of its field.
    pub enum Consent {
        DeleteData = "deleteData",
        EmptyBuckets = "emptyBuckets",
        OverrideTerminationProtection = "overrideTerminationProtection",
        OverrideLogProtection = "overrideLogProtection",
    }
}

impl Consent {
    /// Returns the flag with which taskctl gives it.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::DeleteData => "--delete-data",
            Self::EmptyBuckets => "--empty-buckets",
            Self::OverrideTerminationProtection => "--override-termination-protection",
            Self::OverrideLogProtection => "--override-log-protection",
        }
    }
}
