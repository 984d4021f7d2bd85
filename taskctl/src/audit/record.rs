//! A record of the audit log, read leniently: both formats of the service, and what `taskctl` writes itself.

use seal::Place;
use serde_json::Value;

use crate::terminal::clock::{self, Millis};

/// The formats of records that are known; a record of another is a finding.
const SCHEMAS: [&str; 3] = ["task.audit/1", "task.audit/2", super::format::EXPORT_SCHEMA];

/// A record, with the line that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub line: String,
    pub value: Value,
}

impl Record {
    /// Reads a line of the log. The error is the line, and why it is no record.
    pub fn parse(line: String) -> Result<Self, (String, String)> {
        match read(&line) {
            Ok(value) => Ok(Self { line, value }),
            Err(why) => Err((line, why)),
        }
    }

    /// Returns a text by its path, such as `/task/id`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.value.pointer(path)?.as_str()
    }

    pub fn number(&self, path: &str) -> Option<u64> {
        self.value.pointer(path)?.as_u64()
    }

    pub fn schema(&self) -> &str {
        self.text("/schema").unwrap_or_default()
    }

    pub fn event_id(&self) -> &str {
        self.text("/eventId").unwrap_or_default()
    }

    pub fn action(&self) -> &str {
        self.text("/action").unwrap_or_default()
    }

    pub fn actor(&self) -> &str {
        self.text("/actor/id").unwrap_or("unknown")
    }

    /// Returns the time at which it happened, as it is written.
    pub fn changed(&self) -> &str {
        self.text("/time/changed").or_else(|| self.text("/time/audited")).unwrap_or_default()
    }

    pub fn changed_at(&self) -> Option<Millis> {
        clock::parse_date_time(self.changed())
    }

    /// Returns the changes: field, old and new value.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &Value, &Value)> {
        let changes = self.value.get("changes").and_then(Value::as_array).into_iter().flatten();
        changes.filter_map(|change| {
            let value = |name: &str| change.get(name).unwrap_or(&Value::Null);
            Some((change.get("field")?.as_str()?, value("old"), value("new")))
        })
    }

    /// Returns the record's place in the order of its task's changes.
    pub fn place(&self) -> Place<&str> {
        Place::of(&self.value)
    }
}

fn read(line: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("no JSON ({error})"))?;
    let text = |member: &str| value.get(member).and_then(Value::as_str);
    match text("schema") {
        Some(schema) if SCHEMAS.contains(&schema) => {}
        Some(schema) => return Err(format!("of the unknown format {schema}")),
        None => return Err("no audit record: it names no format".into()),
    }
    match ["eventId", "action"].into_iter().find(|member| text(member).is_none()) {
        Some(member) => Err(format!("an audit record without {member}")),
        None => Ok(value),
    }
}

#[cfg(test)]
pub mod samples {
    use serde_json::{Value, json};

    use super::Record;

    /// Returns the record of a change, with these members set besides.
    pub fn record(number: u64, action: &str, more: &[(&str, Value)]) -> Record {
        let hash = |version: u64| (version > 0).then(|| format!("{version:064x}"));
        let mut value = json!({
            "schema": "task.audit/1", "eventId": format!("event-{number}"), "action": action,
            "actor": {"id": "alice", "auth": "token"},
            "request": {"id": format!("request-{number}"), "sourceIp": "203.0.113.7", "userAgent": "curl/7.88.1"},
            "task": {"owner": "team", "id": "T", "versionBefore": (number > 1).then_some(number - 1), "versionAfter": number},
            "changes": [{"field": "status", "old": "PENDING", "new": "IN_PROGRESS"}],
            "time": {"changed": format!("2026-11-23T15:41:{:02}.376Z", number % 60),
                "streamed": format!("2026-11-23T15:41:{:02}.000Z", number % 60), "audited": "2026-11-23T15:42:00.000Z"},
            "source": {"streamArn": "arn:aws:dynamodb:us-east-1:0:table/t/stream/2026-11-23T15:36:11.989",
                "sequenceNumber": format!("{number}00000000001")},
            "integrity": {"before": hash(number - 1), "after": hash(number)},
        });
        for (path, new) in more {
            *value.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = new.clone();
        }
        Record::parse(value.to_string()).expect("a record")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Record, samples::record};

    #[test]
    fn a_line_that_is_no_record_says_why() {
        for (line, why) in [
            ("{\"schema\":", "no JSON"),
            ("", "no JSON"),
            ("[]", "names no format"),
            ("{\"schema\":\"other/1\"}", "unknown format other/1"),
            ("{\"schema\":\"task.audit/1\",\"action\":\"x\"}", "without eventId"),
            ("{\"schema\":\"task.audit/1\",\"eventId\":\"1\",\"action\":7}", "without action"),
        ] {
            let (kept, refused) = Record::parse(line.into()).expect_err(line);
            assert_eq!(kept, line);
            assert!(refused.contains(why), "{line}: {refused}");
        }
    }

    #[test]
    fn both_formats_are_read() {
        for schema in ["task.audit/1", "task.audit/2"] {
            assert_eq!(record(1, "task.created", &[("/schema", json!(schema))]).actor(), "alice");
        }
    }
}
