//! How an execution ended: its report.

pub mod find;
pub mod plan;
pub mod print;
pub mod text;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::failure::Exit;

const SCHEMA: &str = "task.teardown/1";

/// What the workflow says at its end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    pub schema: String,
    pub execution: Option<String>,
    pub stack: Option<String>,
    pub stack_id: Option<String>,
    pub outcome: Outcome,
    pub reason: Option<String>,
    pub next: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub inventory: Vec<Entry>,
    pub kept: Vec<Noted>,
    pub unproven: Vec<Noted>,
    /// What stands in the way without a consent, or altogether.
    pub blockers: Vec<String>,
    pub plan_hash: Option<String>,
    /// As it was written, for programs.
    #[serde(skip)]
    pub raw: Value,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Planned,
    Deleted,
    NothingToDo,
    Refused,
    Unproven,
    /// Also an outcome that this version does not know: never taken for a success.
    #[default]
    #[serde(other)]
    Failed,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    #[serde(rename = "type")]
    pub kind: String,
    pub logical_id: String,
    pub physical_id: String,
    pub fate: String,
    pub why: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Noted {
    pub what: String,
    pub why: String,
}

impl Outcome {
    pub fn exit(self) -> Exit {
        match self {
            Self::Planned | Self::Deleted | Self::NothingToDo => Exit::Success,
            Self::Refused => Exit::Refused,
            Self::Failed => Exit::Failed,
            Self::Unproven => Exit::Unproven,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Deleted => "deleted",
            Self::NothingToDo => "nothing to do",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unproven => "unproven",
        }
    }

    /// An execution's error is its outcome's name.
    fn from_error(error: &str) -> Self {
        match error.to_ascii_lowercase().as_str() {
            "refused" => Self::Refused,
            "unproven" => Self::Unproven,
            _ => Self::Failed,
        }
    }
}

impl Report {
    /// `None` when the text is not a report.
    pub fn parse(text: &str) -> Option<Self> {
        let raw: Value = serde_json::from_str(text).ok()?;
        let report = Self { raw: raw.clone(), ..Self::deserialize(raw).ok()? };
        (report.schema == SCHEMA).then_some(report)
    }

    /// What the state machine says by itself when even reporting failed.
    fn emergency(execution: &str, cause: &str) -> Option<Self> {
        let raw: Value = serde_json::from_str(cause).ok()?;
        raw.get("outcome")?.as_str()?;
        let execution = Some(execution.to_owned());
        Some(Self { raw: raw.clone(), execution, ..Self::deserialize(raw).ok()? })
    }

    /// For an execution that left none: stopped, timed out, or failed before it could report.
    fn made_up(execution: &str, outcome: Outcome, reason: String, next: String) -> Self {
        let raw = json!({
            "schema": SCHEMA, "execution": execution, "outcome": outcome.words(), "reason": reason, "next": next,
        });
        let (execution, reason, next) = (Some(execution.to_owned()), Some(reason), Some(next));
        Self { schema: SCHEMA.to_owned(), execution, outcome, reason, next, raw, ..Self::default() }
    }
}

#[cfg(test)]
pub mod samples {
    pub const DELETED: &str = r#"{"schema":"task.teardown/1","execution":"arn:E","stack":"tasks-dev","stackId":"arn:S",
        "outcome":"deleted","reason":null,"startedAt":"2026-11-23T15:43:20.5Z","finishedAt":"2026-11-23T15:45:25Z",
        "states":["x",{"state":"resolve"}],"inventory":[
        {"type":"AWS::DynamoDB::Table","logicalId":"Table","physicalId":"t","fate":"absent","why":"not found"},
        {"type":"AWS::Logs::LogGroup","logicalId":"","physicalId":"/tasks/dev/audit","fate":"kept","why":"asked for"}],
        "kept":[{"what":"/tasks/dev/audit","why":"the audit log"}],"unproven":[],"inventoryHash":"i","planHash":"p","new":1}"#;
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Report, samples::DELETED};
    use crate::cli::failure::Exit;

    #[test]
    fn each_outcome_has_its_exit_code() {
        let exit = |outcome: &str| {
            Report::parse(&DELETED.replace("\"deleted\"", &format!("\"{outcome}\"")))
                .expect("a report")
                .outcome
                .exit()
        };
        for green in ["planned", "deleted", "nothing-to-do"] {
            assert_eq!(exit(green), Exit::Success);
        }
        assert_eq!(exit("refused"), Exit::Refused);
        assert_eq!(exit("failed"), Exit::Failed);
        assert_eq!(exit("unproven"), Exit::Unproven);
        assert_eq!(exit("something-new"), Exit::Failed);
    }

    #[test]
    fn other_text_is_no_report() {
        for other in
            ["", "null", "{}", r#"{"schema":"task.audit/1"}"#, r#"{"outcome":"deleted"}"#, &DELETED[..300]]
        {
            assert!(Report::parse(other).is_none(), "{other}");
        }
        let missing = Report::parse(r#"{"schema":"task.teardown/1"}"#).expect("a report");
        assert_eq!(missing.outcome, Outcome::Failed, "no outcome is no success");
    }
}
