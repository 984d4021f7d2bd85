//! The conditions of a search: CloudWatch Logs looks first, by its filter pattern, and each record that it returns is looked at again.
//!
//! The pattern only saves reading. In it `*` stands for any text, so that it may let through more than was asked for, and a value
//! that it could not hold is left to the second look.

use std::net::IpAddr;

use crate::{audit::record::Record, cli::audit_args::ConditionArgs};

/// Conditions that a record must meet, all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub conditions: ConditionArgs,
    pub task: Option<String>,
}

impl Filter {
    pub fn takes(&self, record: &Record) -> bool {
        let Self { conditions: ConditionArgs { action, field, address, actor, owner }, task } = self;
        let is = |wanted: &Option<String>, path: &str| {
            wanted.as_deref().is_none_or(|wanted| record.text(path) == Some(wanted))
        };
        let from = || record.text("/request/sourceIp").and_then(|address| address.parse::<IpAddr>().ok());
        is(task, "/task/id")
            && is(owner, "/task/owner")
            && is(actor, "/actor/id")
            && (action.is_empty() || action.iter().any(|action| action == record.action()))
            && field.as_deref().is_none_or(|field| changes_field(record, field))
            && address.is_none_or(|network| from().is_some_and(|address| network.contains(address)))
    }

    /// Returns the conditions in words; nothing if there are none.
    pub fn words(&self) -> String {
        let Self { conditions: ConditionArgs { action, field, address, actor, owner }, task } = self;
        let parts = [
            (!action.is_empty()).then(|| format!("action {}", action.join(" or "))),
            field.as_ref().map(|field| format!("a change of {field}")),
            address.map(|address| format!("an address in {address}")),
            actor.as_ref().map(|actor| format!("actor {actor}")),
            owner.as_ref().map(|owner| format!("owner {owner}")),
            task.as_ref().map(|task| format!("task {task}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Returns the filter pattern of `FilterLogEvents`; `None` to read everything.
    pub fn pattern(&self) -> Option<String> {
        let Self { conditions: ConditionArgs { action, field: _, address, actor, owner }, task } = self;
        // A quoted term, unlike a condition on a member, also finds the task's id in a line that is no JSON.
        if let Some(task) = task.as_deref().filter(|task| plain(task)) {
            return Some(format!("\"{task}\""));
        }
        let equal = |path: &str, value: &str| plain(value).then(|| format!("$.{path} = \"{value}\""));
        let actions: Option<Vec<String>> = action.iter().map(|action| equal("action", action)).collect();
        let actions = actions.filter(|actions| !actions.is_empty());
        let parts = [
            actions.map(|actions| format!("({})", actions.join(" || "))),
            actor.as_deref().and_then(|actor| equal("actor.id", actor)),
            owner.as_deref().and_then(|owner| equal("task.owner", owner)),
            address.and_then(|network| equal("request.sourceIp", &network.single()?.to_string())),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("{{ {} }}", parts.join(" && ")))
    }
}

fn changes_field(record: &Record, field: &str) -> bool {
    record.changes().any(|(changed, _, _)| changed == field)
}

/// Tells whether a value can stand in a pattern's quotes as it is.
fn plain(value: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.:@/ +=,".contains(letter);
    !value.is_empty() && value.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Filter;
    use crate::{
        audit::record::samples::record,
        cli::audit_args::{ConditionArgs, Network},
    };

    #[test]
    fn every_condition_must_be_met() {
        let conditions = ConditionArgs {
            action: ["task.created", "task.updated"].map(Into::into).into(),
            field: Some("status".into()),
            address: Network::parse("203.0.113.0/24").ok(),
            actor: Some("alice".into()),
            owner: Some("team".into()),
        };
        let filter = Filter { conditions, task: Some("T".into()) };
        assert!(filter.takes(&record(1, "task.updated", &[])));
        for (path, value) in [
            ("/action", json!("task.deleted")),
            ("/changes/0/field", json!("title")),
            ("/request/sourceIp", json!("198.51.100.1")),
            ("/request/sourceIp", json!("203.0.113.7, 10.0.0.1")),
            ("/request", json!(null)),
            ("/actor/id", json!("alice2")),
            ("/task/owner", json!("teams")),
            ("/task/id", json!("T2")),
        ] {
            assert!(!filter.takes(&record(1, "task.updated", &[(path, value)])), "{path}");
        }
        assert!(Filter::default().takes(&record(1, "anything", &[])));
    }

    #[test]
    fn a_pattern_never_excludes_what_is_wanted() {
        let pattern = |conditions| Filter { conditions, task: None }.pattern();
        assert_eq!(pattern(ConditionArgs::default()), None);
        let all = ConditionArgs {
            action: ["task.created", "task.deleted"].map(Into::into).into(),
            actor: Some("alice".into()),
            address: Network::parse("203.0.113.7").ok(),
            ..ConditionArgs::default()
        };
        assert_eq!(
            pattern(all).as_deref(),
            Some(
                r#"{ ($.action = "task.created" || $.action = "task.deleted") && $.actor.id = "alice" && $.request.sourceIp = "203.0.113.7" }"#
            )
        );
        let looked_at_later = ConditionArgs {
            actor: Some(r#"a" || $.x = "*"#.into()),
            address: Network::parse("10.0.0.0/8").ok(),
            field: Some("title".into()),
            ..ConditionArgs::default()
        };
        assert_eq!(pattern(looked_at_later), None);
    }

    #[test]
    fn a_task_is_looked_for_as_a_term() {
        let task = |id: &str| Filter { task: Some(id.into()), ..Filter::default() }.pattern();
        assert_eq!(task("01a2-f").as_deref(), Some("\"01a2-f\""));
        assert_eq!(task("x\" ?y"), None);
    }
}
