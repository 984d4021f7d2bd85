//! The report of an execution: found, and shown to people or programs.

pub mod find;
pub mod page;
pub mod plan;
pub mod print;
#[cfg(test)]
mod recorded;
pub mod summary;
pub mod tables;
pub mod text;

use contract::{Outcome, PLAN_SCHEMA, Report, SCHEMA};
use serde::Deserialize;
use serde_json::{Value, json};

/// A report that was read.
#[derive(Clone, Debug)]
pub struct Written {
    pub report: Report,
    /// As it was written, for programs.
    pub raw: Value,
    /// It was understood in all its parts, and not only in those that every version has.
    pub whole: bool,
}

impl Written {
    /// Returns the report that a text is; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let raw: Value = serde_json::from_str(text).ok()?;
        if raw.get("schema")? == SCHEMA { Self::read(raw) } else { None }
    }

    /// Returns the plan that a text is, of a run that waits for approval; `None` when it is none.
    pub fn plan(text: &str) -> Option<Self> {
        let raw: Value = serde_json::from_str(text).ok()?;
        if raw.get("schema")? == PLAN_SCHEMA { Self::read(raw) } else { None }
    }

    /// Returns the report that the state machine writes by itself when even reporting failed.
    fn emergency(execution: &str, cause: &str) -> Option<Self> {
        let raw: Value = serde_json::from_str(cause).ok()?;
        raw.get("outcome")?.as_str()?;
        let mut read = Self::read(raw)?;
        execution.clone_into(&mut read.report.execution);
        Some(read)
    }

    /// Reads what it can. A report of another version of the workflow may list what this one does not know; how it ended and what
    /// to do next stand beside the lists.
    fn read(raw: Value) -> Option<Self> {
        if let Ok(report) = Report::deserialize(&raw) {
            return Some(Self { report, raw, whole: true });
        }
        let mut plain = raw.as_object()?.clone();
        plain.retain(|_, value| value.is_string());
        let report = Report::deserialize(Value::Object(plain)).ok()?;
        Some(Self { report, raw, whole: false })
    }

    /// Makes up the report of an execution that left none: stopped, timed out, or failed before it could report.
    fn made_up(
        execution: &str,
        stack: Option<String>,
        outcome: Outcome,
        reason: String,
        next: String,
    ) -> Self {
        let raw = json!({
            "schema": SCHEMA, "execution": execution, "outcome": outcome, "reason": reason, "next": next,
        });
        let report = Report {
            schema: SCHEMA.to_owned(),
            execution: execution.to_owned(),
            stack: stack.unwrap_or_default(),
            outcome,
            reason: Some(reason),
            next,
            ..Report::default()
        };
        Self { report, raw, whole: true }
    }
}

#[cfg(test)]
pub mod samples {
    pub const DELETED: &str = r#"{"schema":"task.teardown/1","execution":"arn:E","stack":"tasks-dev","stackId":"arn:S",
        "outcome":"deleted","reason":null,"startedAt":"2026-11-23T15:43:20.5Z","finishedAt":"2026-11-23T15:45:25Z",
        "states":[{"state":"resolve","at":"2026-11-23T15:43:20.5Z","times":1}],"inventory":[
        {"type":"AWS::DynamoDB::Table","logicalId":"Table","physicalId":"t","fate":"absent","why":"not found"},
        {"type":"AWS::Logs::LogGroup","logicalId":"","physicalId":"/tasks/dev/audit","fate":"kept","why":"asked for"}],
        "kept":[{"type":"AWS::Logs::LogGroup","id":"/tasks/dev/audit","what":"/tasks/dev/audit","why":"the audit log"}],"unproven":[],"inventoryHash":"i","planHash":"p","new":1}"#;
}

#[cfg(test)]
mod tests {
    use contract::{Inventory, Outcome};

    use super::{Written, samples::DELETED};

    #[test]
    fn other_text_is_no_report() {
        for other in
            ["", "null", "{}", r#"{"schema":"task.audit/1"}"#, r#"{"outcome":"deleted"}"#, &DELETED[..300]]
        {
            assert!(Written::parse(other).is_none(), "{other}");
        }
        let missing = Written::parse(r#"{"schema":"task.teardown/1"}"#).expect("a report");
        assert_eq!(missing.report.outcome, Outcome::Failed, "no outcome is no success");
    }

    #[test]
    fn the_outcome_counts_also_where_the_lists_are_of_another_version() {
        for (old, new) in [("\"resolve\"", "\"new-step\""), ("\"absent\"", "\"new-fate\"")] {
            let other = Written::parse(&DELETED.replace(old, new)).expect("a report");
            assert_eq!((other.report.outcome, other.whole), (Outcome::Deleted, false), "{new}");
            assert_eq!(other.report.stack_id, "arn:S");
            assert!(matches!(&other.report.inventory, Inventory::Planned(none) if none.is_empty()));
        }
        assert!(Written::parse(DELETED).expect("a report").whole);
    }
}
