//! Records as events of the Open Cybersecurity Schema Framework 1.8.0: class Entity Management (3004).
//!
//! That class fits every record. API Activity (6003) needs a caller and an operation, which a change that bypassed the API does not
//! have. What the class has no place for is in `raw_data`, the record as it is stored.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::{audit::record::Record, terminal::clock};

const VERSION: &str = "1.8.0";
const CLASS: u64 = 3004;

/// Returns the event of a record.
pub fn event(record: &Record) -> Value {
    let (activity, activity_name) = activity(record.action());
    let millis = |path: &str| record.text(path).and_then(clock::parse_date_time);
    let time =
        millis("/time/changed").or_else(|| millis("/time/streamed")).or_else(|| millis("/time/audited"));
    let out_of_band = record.action().ends_with("_out_of_band");
    let (severity, severity_name) = if out_of_band { (4, "High") } else { (1, "Informational") };
    let (status, status_name) = status(record);
    let mut event = json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 3,
        "category_name": "Identity & Access Management",
        "class_uid": CLASS,
        "class_name": "Entity Management",
        "type_uid": CLASS * 100 + activity,
        "type_name": format!("Entity Management: {activity_name}"),
        "time": time.unwrap_or_default(),
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "message": format!("{} by {}", record.action(), record.actor()),
        "metadata": metadata(record),
        "actor": {"user": user(record)},
        "entity": entity(record, "Before", "old"),
        "raw_data": record.line,
    });
    if activity == 1 || activity == 3 {
        event["entity_result"] = entity(record, "After", "new");
    }
    if let Some(address) = record.text("/request/sourceIp").filter(|text| text.parse::<IpAddr>().is_ok()) {
        event["src_endpoint"] = json!({"ip": address});
    }
    let request = json!({"user_agent": record.text("/request/userAgent"), "http_method": record.text("/request/method")});
    let mut request = without_null(request);
    if request.as_object().is_some_and(|members| !members.is_empty()) {
        request["uid"] = json!(record.text("/request/id"));
        event["http_request"] = without_null(request);
    }
    event
}

/// Returns the class's status, with its caption. Records of the first format have no outcome, and are of what was done too.
fn status(record: &Record) -> (u64, &'static str) {
    match record.text("/outcome") {
        Some("success") | None => (1, "Success"),
        Some("failure") => (2, "Failure"),
        Some(_) => (99, "Other"),
    }
}

/// Returns the class's activity, with its caption or, for one that it does not know, our own name.
fn activity(action: &str) -> (u64, &'static str) {
    match action {
        "task.created" => (1, "Create"),
        "task.updated" | "task.modified_out_of_band" => (3, "Update"),
        "task.deleted" | "task.removed_out_of_band" => (4, "Delete"),
        "audit.export_started" | "audit.exported" => (2, "Read"),
        // The task was deleted before: a second deletion would be counted twice.
        "task.purged" => (99, "Purge"),
        "audit.sentinel" => (99, "Sentinel"),
        _ => (99, "Other"),
    }
}

fn metadata(record: &Record) -> Value {
    without_null(json!({
        "version": VERSION,
        "product": {"name": "Task service"},
        "uid": record.event_id(),
        "event_code": record.action(),
        "log_version": record.schema(),
        "correlation_uid": record.text("/request/id"),
        "original_time": record.changed(),
        "logged_time": record.text("/time/audited").and_then(clock::parse_date_time),
        "labels": record.text("/stage").map(|stage| [format!("stage:{stage}")]),
    }))
}

fn user(record: &Record) -> Value {
    let (type_id, kind) = match record.text("/actor/auth") {
        Some("service") => (4, "Service"),
        Some(_) => (1, "User"),
        None => (0, "Unknown"),
    };
    without_null(json!({
        "uid": record.actor(), "name": record.actor(), "type_id": type_id, "type": kind,
        "credential_uid": record.text("/actor/credential"),
    }))
}

/// Returns the task as it was before or after the change, as far as the record tells.
fn entity(record: &Record, version: &str, side: &str) -> Value {
    let (kind, uid) = match record.action() {
        "audit.sentinel" => ("Sentinel", record.text("/sentinel")),
        "audit.export_started" | "audit.exported" => ("Audit log", record.text("/export/id")),
        _ => ("Task", record.text("/task/id")),
    };
    let value = |change: &Value| Some((change.get("field")?.as_str()?.to_owned(), change.get(side)?.clone()));
    let changes = record.value.get("changes").and_then(Value::as_array).into_iter().flatten();
    let fields: Map<String, Value> = changes.filter_map(value).collect();
    without_null(json!({
        "type_id": 99,
        "type": kind,
        "uid": uid.unwrap_or("unknown"),
        "version": record.number(&format!("/task/version{version}")).map(|version| version.to_string()),
        "data": {"owner": record.text("/task/owner"), "fields": fields},
    }))
}

fn without_null(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::event;
    use crate::audit::record::{Record, samples::record};

    /// Derived from OCSF's own schema; its `$comment` says from which version, and under which licence.
    const SCHEMA: &str = include_str!("fixtures/ocsf-1.8.0-entity-management.schema.json");

    fn errors(event: &Value) -> Vec<String> {
        let schema = serde_json::from_str(SCHEMA).expect("JSON");
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        validator.iter_errors(event).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    #[test]
    fn every_action_is_an_event_that_the_schema_allows() {
        let actions = [
            ("task.created", 1),
            ("task.updated", 3),
            ("task.deleted", 4),
            ("task.purged", 99),
            ("task.modified_out_of_band", 3),
            ("task.removed_out_of_band", 4),
            ("audit.sentinel", 99),
            ("task.invented_later", 99),
        ];
        for (action, activity) in actions {
            let event = event(&record(7, action, &[]));
            assert_eq!(errors(&event), Vec::<String>::new(), "{action}: {event:#}");
            assert_eq!(event["activity_id"], json!(activity), "{action}");
            assert_eq!(event["type_uid"], json!(300_400 + activity), "{action}");
        }
    }

    #[test]
    fn a_record_with_next_to_nothing_is_one_too() {
        for line in [
            r#"{"schema":"task.audit/2","eventId":"e","action":"task.updated"}"#,
            r#"{"schema":"audit.export/1","eventId":"e","action":"audit.exported","actor":{"id":"arn"},"export":{"id":"x"}}"#,
            r#"{"schema":"task.audit/1","eventId":"e","action":"task.updated","request":{"sourceIp":"no address"},"time":{"changed":7}}"#,
        ] {
            let event = event(&Record::parse(line.into()).expect("a record"));
            assert_eq!(errors(&event), Vec::<String>::new(), "{event:#}");
            assert!(event["src_endpoint"].is_null());
        }
    }

    #[test]
    fn who_when_from_where_and_what_keep_their_meaning() {
        let record = record(7, "task.updated", &[]);
        let event = event(&record);
        assert_eq!(event["time"], json!(1_795_448_467_376_i64));
        assert_eq!(event["actor"]["user"]["uid"], "alice");
        assert_eq!(event["src_endpoint"]["ip"], "203.0.113.7");
        assert_eq!(event["entity"]["data"], json!({"owner": "team", "fields": {"status": "PENDING"}}));
        assert_eq!(event["entity_result"]["data"]["fields"], json!({"status": "IN_PROGRESS"}));
        assert_eq!(
            (&event["entity"]["version"], &event["entity_result"]["version"]),
            (&json!("6"), &json!("7"))
        );
        assert_eq!(event["raw_data"], record.line.as_str());
    }

    /// One of each kind, as the audit function writes them.
    #[test]
    fn recorded_records_are_events_that_the_schema_allows() {
        for line in include_str!("../../../functions/tasks/audit-records.jsonl").lines() {
            let record = Record::parse(line.into()).expect("a record");
            let event = event(&record);
            assert_eq!(errors(&event), Vec::<String>::new(), "{event:#}");
            assert_eq!(
                (&event["status_id"], &event["metadata"]["labels"]),
                (&json!(1), &json!(["stage:prod"]))
            );
            assert_eq!(event["http_request"]["http_method"].as_str(), record.text("/request/method"));
            assert_eq!(event["actor"]["user"]["credential_uid"].as_str(), record.text("/actor/credential"));
        }
    }

    #[test]
    fn an_outcome_is_the_events_status() {
        for (outcome, status) in [("success", 1), ("failure", 2), ("partial", 99)] {
            let line = json!({"schema": "task.audit/2", "eventId": "e", "action": "task.updated", "outcome": outcome});
            let event = event(&Record::parse(line.to_string()).expect("a record"));
            assert_eq!((errors(&event), &event["status_id"]), (vec![], &json!(status)), "{outcome}");
        }
    }

    #[test]
    fn the_schema_refuses_what_ocsf_does() {
        for (path, value) in [
            ("/activity_id", json!(42)),
            ("/class_uid", json!(6003)),
            ("/time", json!("2026-11-23T15:41:07Z")),
            ("/src_endpoint", json!({"ip": "here"})),
            ("/entity", json!({"type": "Task"})),
            ("/metadata", json!({"version": "1.8.0"})),
            ("/metadata/version", json!("1.0.0")),
            ("/actor", json!({})),
            ("/message", json!(7)),
        ] {
            let mut event = event(&record(7, "task.updated", &[]));
            *event.pointer_mut(path).expect(path) = value;
            assert!(!errors(&event).is_empty(), "{path}");
        }
    }
}
