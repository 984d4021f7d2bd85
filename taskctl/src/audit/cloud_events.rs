//! Records as `CloudEvents` 1.0 in their JSON format, one event per line.

use serde_json::{Value, json};

use crate::{audit::record::Record, terminal::clock};

/// Returns the event of a record. `source` and `id` together are the record's identity, so that a copy is known as one.
pub fn event(record: &Record) -> Value {
    let mut event = json!({
        "specversion": "1.0",
        "id": record.event_id(),
        "source": record.text("/source/streamArn").filter(|arn| !arn.is_empty()).unwrap_or("urn:taskctl:audit"),
        "type": record.action(),
        "datacontenttype": "application/json",
        "data": record.value,
    });
    if let (Some(owner), Some(id)) = (record.text("/task/owner"), record.text("/task/id")) {
        event["subject"] = json!(format!("{owner}/{id}"));
    }
    if clock::parse_date_time(record.changed()).is_some() {
        event["time"] = json!(record.changed());
    }
    event
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::event;
    use crate::audit::record::{Record, samples::record};

    /// "Required Attributes" and "Type System" of the specification, and section 3 of its JSON format.
    fn assert_valid(event: &Value) {
        assert_eq!(event["specversion"], "1.0");
        for (name, value) in event.as_object().expect("an object") {
            assert!(
                name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit()),
                "{name}"
            );
            assert!(name == "data" || value.as_str().is_some_and(|text| !text.is_empty()), "{name}: {value}");
        }
        for required in ["id", "source", "type"] {
            assert!(event[required].is_string(), "{required}");
        }
    }

    #[test]
    fn a_record_is_the_data_of_its_event() {
        let record = record(7, "task.updated", &[]);
        let event = event(&record);
        assert_valid(&event);
        assert_eq!((&event["type"], &event["id"]), (&json!("task.updated"), &json!("event-7")));
        assert_eq!(
            (&event["subject"], &event["time"]),
            (&json!("team/T"), &json!("2026-11-23T15:41:07.376Z"))
        );
        assert_eq!(event["data"], record.value);
    }

    #[test]
    fn what_a_record_does_not_have_is_left_out() {
        let line =
            r#"{"schema":"task.audit/2","eventId":"e","action":"audit.sentinel","time":{"changed":"soon"}}"#;
        let event = event(&Record::parse(line.into()).expect("a record"));
        assert_valid(&event);
        assert!(event["subject"].is_null() && event["time"].is_null());
    }
}
