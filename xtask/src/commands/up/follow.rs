//! `up --follow`: the audit log, one readable line per record.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use deployment::Outputs;
use serde_json::{Value, json};

use crate::local::client::LocalAws;
use crate::tools::process::{Interrupted, pause};

const EVERY: Duration = Duration::from_millis(500);
/// A record's timestamp is the time of its change; it may arrive this much later and is still shown.
const LATE_MS: u64 = 10 * 60 * 1000;

/// Shows records until Ctrl-C.
pub fn audit(outputs: &Outputs) -> Result<()> {
    let aws = LocalAws::new(outputs.endpoint()?);
    let group = &outputs.service()?.audit_log_group;
    println!("\nAudit records of {group} from now on (Ctrl-C ends):");
    let mut seen = HashSet::new();
    // What is there already was not made while following.
    new_events(&aws, group, &mut seen)?;
    loop {
        if let Err(stop) = pause(EVERY) {
            return if stop.is::<Interrupted>() { Ok(()) } else { Err(stop) };
        }
        for message in new_events(&aws, group, &mut seen)? {
            println!("{}", line(&message));
        }
    }
}

/// Returns the messages that were not there the last time, oldest first.
fn new_events(aws: &LocalAws, group: &str, seen: &mut HashSet<String>) -> Result<Vec<String>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let since = u64::try_from(since).unwrap_or(u64::MAX).saturating_sub(LATE_MS);
    let mut messages = Vec::new();
    let mut token = None;
    loop {
        let mut query = json!({"logGroupName": group, "startTime": since});
        if let Some(token) = token {
            query["nextToken"] = token;
        }
        let page = aws
            .json("logs", "Logs_20140328.FilterLogEvents", &query)
            .context("the audit log cannot be read.\n  Is the local AWS still up? See `cargo xtask up`.")?;
        for event in page["events"].as_array().into_iter().flatten() {
            let id = event["eventId"].as_str().unwrap_or_default();
            if seen.insert(id.to_owned()) {
                messages.push(event["message"].as_str().unwrap_or_default().to_owned());
            }
        }
        token = page.get("nextToken").filter(|token| token.is_string()).cloned();
        if token.is_none() {
            return Ok(messages);
        }
    }
}

/// Formats a record as a line: time, action, actor, task, versions, changed fields. Anything else is shown as it is.
fn line(message: &str) -> String {
    let Ok(record) = serde_json::from_str::<Value>(message) else { return message.to_owned() };
    let Some(action) = record["action"].as_str() else { return message.to_owned() };
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let version = |value: &Value| value.as_u64().map_or_else(|| "-".to_owned(), |number| number.to_string());
    let task = &record["task"];
    let changes: Vec<String> = record["changes"].as_array().into_iter().flatten().map(change).collect();
    let line = format!(
        "{}  {action:<14}  {}  {}  v{}→{}  {}",
        text(&record["time"]["changed"]),
        text(&record["actor"]["id"]),
        text(&task["id"]),
        version(&task["versionBefore"]),
        version(&task["versionAfter"]),
        changes.join(", ")
    );
    line.trim_end().to_owned()
}

/// Formats a changed field: short values are shown; free text, of which the log has length and hash, only by its field's name.
fn change(change: &Value) -> String {
    let shown = |value: &Value| match value {
        Value::Null => Some("none".to_owned()),
        Value::String(text) if text.len() <= 40 => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    let field = change["field"].as_str().unwrap_or("?");
    match (shown(&change["old"]), shown(&change["new"])) {
        (Some(old), Some(new)) => format!("{field}: {old} → {new}"),
        _ => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_record_is_one_readable_line() {
        let record = serde_json::json!({
            "action": "task.updated", "actor": {"id": "local-developer", "auth": "token"},
            "task": {"owner": "local", "id": "0199-x", "versionBefore": 1, "versionAfter": 2},
            "time": {"changed": "2026-01-02T03:04:05.678Z"},
            "changes": [
                {"field": "status", "old": "PENDING", "new": "IN_PROGRESS"},
                {"field": "dueAt", "old": "2026-01-02T03:04:05.678Z", "new": null},
                {"field": "title", "old": {"length": 3, "sha256": "x"}, "new": {"length": 4, "sha256": "y"}},
            ],
        });
        assert_eq!(
            line(&record.to_string()),
            "2026-01-02T03:04:05.678Z  task.updated    local-developer  0199-x  v1→2  \
             status: PENDING → IN_PROGRESS, dueAt: 2026-01-02T03:04:05.678Z → none, title"
        );
    }

    #[test]
    fn missing_parts_are_dashes_and_strange_messages_stay() {
        assert_eq!(line(r#"{"action":"task.purged"}"#), "-  task.purged     -  -  v-→-");
        assert_eq!(line("plain"), "plain");
        assert_eq!(line("{}"), "{}");
    }
}
