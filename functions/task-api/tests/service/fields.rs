//! Every field of a task is stored, returned, indexed, audited and removed.

use serde_json::{Value, json};
use tasks::{
    audit::{AuditRecord, Deployment, FreeText, StreamRecord},
    item::{Field, InAudit, Index},
    task::{TaskId, Timestamp},
};

use crate::table::Table;

/// Returns two valid values of a field, the second of which may follow the first, and is in no id or time by chance.
fn samples(field: Field) -> [Value; 2] {
    match field {
        Field::Title => [json!("first title"), json!("second title")],
        Field::Description => [json!("first words"), json!("second words")],
        Field::Status => [json!("IN_PROGRESS"), json!("COMPLETED")],
        Field::Priority => [json!("LOW"), json!("HIGH")],
        Field::Assignee => [json!("ann"), json!("bob")],
        Field::DueAt => [json!("2026-01-01T00:00:00.000Z"), json!("2026-02-02T00:00:00.000Z")],
    }
}

/// Returns a value's text, which is what the table and the audit log have of it.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn body(nth: usize) -> Value {
    Field::ALL.into_iter().map(|field| (field.name().to_owned(), samples(field)[nth].clone())).collect()
}

/// Returns a task's item in DynamoDB JSON, null if there is none.
pub fn image(table: &Table, id: &str) -> Value {
    table.item(id).map_or(Value::Null, |item| serde_json::to_value(item).unwrap())
}

pub fn audit(old: &Value, new: &Value) -> AuditRecord {
    let keys = if new.is_null() { old } else { new };
    let record = json!({
        "eventID": "e", "eventSourceARN": "arn",
        "dynamodb": {
            "Keys": {"PK": keys["PK"], "SK": keys["SK"]}, "OldImage": old, "NewImage": new, "SequenceNumber": "1",
        },
    });
    let record = record.to_string();
    let record: StreamRecord<'_> = serde_json::from_str(&record).unwrap();
    let deployment = Deployment { stage: "dev".into(), free_text: FreeText::Hashed };
    record.audit(&deployment, Timestamp::now()).unwrap().unwrap()
}

/// Asserts that the record lists every field, with `old` and `new` as the audit log shows them.
fn assert_lists_every_field(
    record: &AuditRecord,
    old: impl Fn(Field) -> Value,
    new: impl Fn(Field) -> Value,
) {
    let fields: Vec<_> = record.changes.iter().map(|change| change.field).collect();
    assert_eq!(fields, Field::ALL.map(Field::name), "{record:?}");
    for (field, change) in Field::ALL.into_iter().zip(&record.changes) {
        for (shown, value) in [(&change.old, old(field)), (&change.new, new(field))] {
            match (field.in_audit(), value) {
                (InAudit::Shown | InAudit::Hashed, Value::Null) => {
                    assert_eq!(*shown, Value::Null, "{field:?}");
                }
                (InAudit::Shown, value) => assert_eq!(*shown, json!(text(&value)), "{field:?}"),
                (InAudit::Hashed, value) => {
                    assert_eq!(shown["length"], json!(text(&value).chars().count()), "{field:?}");
                    assert!(shown["sha256"].is_string(), "{field:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_field_is_stored_indexed_audited_and_deleted_without_a_trace() {
    let table = Table::new().await;
    let key = json!({"Idempotency-Key": "k"});
    let created = table.send("POST", "/tasks", key.clone(), &body(0).to_string()).await.json();
    let id = created["id"].as_str().unwrap();
    // The tombstone of a task that was put twice stays in the table, so that it can be looked at below.
    table.remove(id);
    let again = table.send("POST", "/tasks", key, &body(0).to_string()).await;
    assert_eq!(again.json(), created);
    let first = image(&table, id);
    assert_lists_every_field(
        &audit(&Value::Null, &first),
        |_| Value::Null,
        |field| samples(field)[0].clone(),
    );

    let path = format!("/tasks/{id}");
    let changed = table.send("PUT", &path, json!({}), &body(1).to_string()).await.json();
    assert_eq!(table.send("GET", &path, json!({}), "").await.json(), changed);
    assert_eq!(table.send("GET", "/tasks", json!({}), "").await.json()["items"], json!([changed]));
    let second = image(&table, id);
    assert_lists_every_field(
        &audit(&first, &second),
        |field| samples(field)[0].clone(),
        |field| samples(field)[1].clone(),
    );
    for field in Field::ALL {
        let (name, [old, new]) = (field.name(), samples(field));
        assert_eq!((&created[name], &changed[name]), (&old, &new), "{name}");
        if let Some(index) = field.index() {
            let list = async |value: &Value| {
                let list = format!("/tasks?{name}={}", text(value));
                table.send("GET", &list, json!({}), "").await.json()["items"].clone()
            };
            assert_eq!((list(&old).await, list(&new).await), (json!([]), json!([changed])), "{name}");
            let key = Index::sort_key_of(&text(&new), TaskId::parse(id).unwrap());
            assert_eq!(second[index.sort_key]["S"], key, "{name}");
        }
    }

    assert_eq!(table.send("DELETE", &path, json!({}), "").await.status(), 204);
    let tombstone = image(&table, id);
    assert_lists_every_field(&audit(&second, &tombstone), |field| samples(field)[1].clone(), |_| Value::Null);
    let (left, gone) = (tombstone.to_string(), second["salt"]["B"].as_str().unwrap());
    assert!(left.contains("deletedBy") && !left.contains(gone), "the salt goes too: {left}");
    for field in Field::ALL {
        assert!(
            tombstone[field.name()].is_null() && !left.contains(&text(&samples(field)[1])),
            "{field:?}: {left}"
        );
    }
}

#[tokio::test]
async fn setting_a_field_to_a_new_value_is_a_change_and_setting_it_again_is_not() {
    for field in Field::ALL {
        let table = Table::new().await;
        let path = format!("/tasks/{}", table.create(&body(0).to_string()).await);
        let change = json!({field.name(): samples(field)[1]}).to_string();
        for _ in 0..2 {
            let answer = table.send("PUT", &path, json!({}), &change).await;
            assert_eq!((answer.status(), answer.header("ETag")), (200, Some("\"2\"")), "{field:?}");
        }
    }
}
