//! The form of an audit record.

use serde::Serialize;
use serde_json::Value;

use crate::task::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Action {
    #[serde(rename = "task.created")]
    Created,
    #[serde(rename = "task.updated")]
    Updated,
    /// The task was stamped as deleted: from here on it does not exist.
    #[serde(rename = "task.deleted")]
    Deleted,
    /// A tombstone was removed, by the API or by TTL.
    #[serde(rename = "task.purged")]
    Purged,
    /// A live task was removed by something other than the API.
    #[serde(rename = "task.removed_out_of_band")]
    RemovedOutOfBand,
    /// A write without the marks of the API: the next version, a new request and a named actor.
    #[serde(rename = "task.modified_out_of_band")]
    ModifiedOutOfBand,
    /// A sentinel was written, to prove that the stream is consumed up to it.
    #[serde(rename = "audit.sentinel")]
    Sentinel,
}

/// The outcome of what a record is about. The table shows only what was done; calls that were refused are in other logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Success,
}

/// A record of the audit log. Its members, and theirs, stand in the order of their names, so that its JSON is canonical.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    pub action: Action,
    pub actor: Actor,
    pub changes: Vec<FieldChange>,
    /// The stream's id of the change, by which readers drop duplicates.
    pub event_id: String,
    pub integrity: Integrity,
    /// The names of other attributes that a change which bypassed the API touched; never their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_fields: Vec<String>,
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRef>,
    pub schema: &'static str,
    /// The name of a sentinel: its sort key after `SENTINEL#`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<String>,
    pub source: Source,
    /// The stage of the service whose table was changed.
    pub stage: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskRef>,
    pub time: Times,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Actor {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// The beginning of a hash of the token, by which two tokens of one actor can be told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
}

/// The request that made a change, as far as its write tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRef {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The key's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The route's template, without ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRef {
    pub id: String,
    pub owner: String,
    pub version_after: Option<u64>,
    pub version_before: Option<u64>,
}

/// A field's old and new value: text, `null`, `{"length", "sha256"}` for free text, or DynamoDB JSON for a type that the API
/// does not write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    pub field: &'static str,
    pub new: Value,
    pub old: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// When this record was made: the one member that differs when a batch is delivered again, so that the leaf is without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audited: Option<Timestamp>,
    /// By the API's clock; `streamed` for a change that the API did not make, and for a purge, unless that would be before the
    /// deletion.
    pub changed: Option<Timestamp>,
    /// The time of the first try, by the API's clock, if it took more than one to create the task: the task's `createdAt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_tried: Option<Timestamp>,
    /// By the stream's clock, in whole seconds on AWS.
    pub streamed: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    pub sequence_number: String,
    pub stream_arn: String,
}

/// SHA-256, in hex, of the canonical old and new image. Each record of a task starts with the image that the record before
/// it ended with, so that a dropped or moved record breaks the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Integrity {
    pub after: Option<String>,
    pub before: Option<String>,
    /// The record's own leaf (docs/decisions/0030), which the audit function puts in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}
