//! The published schema of a line, which every line of these tests is held to.

use std::sync::LazyLock;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../../docs/audit-record.schema.json")).unwrap();
    jsonschema::options().with_draft(Draft::Draft202012).build(&schema).unwrap()
});

pub fn allows(line: &Value) -> bool {
    SCHEMA.is_valid(line)
}

/// Returns a record of each kind, with a leaf like the function's.
fn recorded() -> Vec<Value> {
    let lines = include_str!("../../../tasks/audit-records.jsonl").lines();
    let mut records: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    for record in &mut records {
        record["integrity"]["record"] = json!("0".repeat(64));
    }
    records
}

#[test]
fn a_record_of_every_kind_is_allowed() {
    for record in recorded() {
        assert!(allows(&record), "{record:#}");
    }
}

/// As an earlier version wrote it.
#[test]
fn a_record_of_the_first_format_is_allowed_and_has_no_member_of_the_second() {
    let mut first = recorded().remove(1);
    first["schema"] = json!("task.audit/1");
    let newer = [
        "/stage",
        "/outcome",
        "/actor/credential",
        "/request/method",
        "/request/route",
        "/request/traceId",
        "/integrity/record",
    ];
    for path in newer {
        assert!(!allows(&first), "{path}");
        let (parent, name) = path.rsplit_once('/').unwrap();
        first.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    }
    assert!(allows(&first), "{first:#}");
}

#[test]
fn a_wrong_record_is_refused() {
    let record = &recorded()[1];
    for (parent, name, value) in [
        ("", "invented", json!(1)),
        ("", "schema", json!("task.audit/3")),
        ("", "action", json!("task.invented")),
        ("", "action", json!("audit.sentinel")),
        ("", "outcome", json!("failure")),
        ("", "otherFields", json!(["salt"])),
        ("", "sentinel", json!("s")),
        ("", "eventId", json!(7)),
        ("/actor", "token", json!("secret")),
        ("/actor", "id", json!("x".repeat(301))),
        ("/request", "authorization", json!("Bearer secret")),
        ("/task", "versionAfter", json!("2")),
        ("/changes/0", "field", json!("salt")),
        ("/changes/0", "new", json!({"text": "secret"})),
        ("/changes/0", "new", json!(7)),
        ("/time", "changed", json!("2026-01-01T00:00:00Z")),
        ("/source", "sequenceNumber", json!(1)),
        ("/integrity", "before", json!("0")),
    ] {
        let mut wrong = record.clone();
        wrong.pointer_mut(parent).unwrap()[name] = value;
        assert!(!allows(&wrong), "{parent}/{name}: {wrong:#}");
    }
    for needed in [
        "schema",
        "eventId",
        "stage",
        "action",
        "outcome",
        "actor",
        "task",
        "changes",
        "time",
        "source",
        "integrity",
    ] {
        let mut wrong = record.clone();
        wrong.as_object_mut().unwrap().remove(needed).unwrap();
        assert!(!allows(&wrong), "{needed}");
    }
}

#[test]
fn a_line_of_the_quarantine_has_a_payload_or_a_part_of_one() {
    let line = |more: Value| {
        let mut line = json!({
            "schema": "task.quarantine/1", "reason": "why", "sequenceNumber": null, "quarantined": "2026-01-01T00:00:00.000Z",
        });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    let part = json!({"part": 1, "parts": 2, "payloadText": "{"});
    for allowed in [json!({"payload": {"anything": [1]}}), json!({"payload": null}), part] {
        assert!(allows(&line(allowed.clone())), "{allowed}");
    }
    let both = json!({"payload": {}, "part": 1, "parts": 2, "payloadText": "{"});
    for wrong in [json!({}), json!({"part": 1}), both, json!({"payload": {}, "more": 1})] {
        assert!(!allows(&line(wrong.clone())), "{wrong}");
    }
}
