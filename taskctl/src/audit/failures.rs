//! Changes that did not reach the audit log: lines of the quarantine, and objects of the failure bucket.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{audit::log::Event, terminal::clock::Millis};

/// The place where a change waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    Quarantine,
    FailureBucket,
}

impl Place {
    pub fn name(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::FailureBucket => "failure bucket",
        }
    }
}

/// Something that can be handed to the audit function again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiting {
    pub place: Place,
    /// The sequence number of a record, or the key of an object.
    pub name: String,
    /// When it was put there, if that is known.
    pub at: Option<Millis>,
    /// Why, in the words of whoever put it there.
    pub why: String,
    /// The batch that the audit function takes, as JSON text.
    pub batch: String,
    /// The stream's ids of its records, as far as they have one.
    pub events: Vec<String>,
    pub records: usize,
}

#[derive(Deserialize)]
struct Line<'a> {
    schema: String,
    reason: String,
    #[serde(rename = "sequenceNumber")]
    sequence_number: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    part: Option<usize>,
    parts: Option<usize>,
    #[serde(rename = "payloadText")]
    payload_text: Option<String>,
}

/// Reads the lines of the quarantine, in the log's order. A record that was delivered again is in it several times.
#[derive(Debug, Default)]
pub struct Quarantine {
    known: HashSet<String>,
    parts: BTreeMap<String, BTreeMap<usize, String>>,
}

impl Quarantine {
    /// Returns the record that a line holds, or completes. The error says why there is none to come.
    pub fn take(&mut self, event: &Event) -> Result<Option<Waiting>, String> {
        let line: Line<'_> = serde_json::from_str(&event.message)
            .map_err(|error| format!("no line of a quarantine ({error})"))?;
        if !line.schema.starts_with("task.quarantine/") {
            return Err(format!("of the unknown format {}", line.schema));
        }
        let name = line.sequence_number.clone().unwrap_or_else(|| format!("line {}", event.id));
        let payload = match (line.payload, line.payload_text, line.part, line.parts) {
            (Some(payload), ..) => payload.get().to_owned(),
            (None, Some(text), Some(part), Some(parts)) => {
                let collected = self.parts.entry(name.clone()).or_default();
                collected.insert(part, text);
                if collected.len() < parts {
                    return Ok(None);
                }
                self.parts.remove(&name).into_iter().flat_map(BTreeMap::into_values).collect()
            }
            _ => return Err("a line without a payload".into()),
        };
        if !self.known.insert(name.clone()) {
            return Ok(None);
        }
        let events = event_id(&payload).into_iter().collect();
        let batch = format!("{{\"Records\":[{payload}]}}");
        Ok(Some(Waiting {
            place: Place::Quarantine,
            name,
            at: Some(event.at),
            why: line.reason,
            batch,
            events,
            records: 1,
        }))
    }

    /// Returns the records of which parts are missing.
    pub fn incomplete(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(String::as_str)
    }
}

/// Reads an object of the failure bucket. The error says why it holds no batch.
pub fn object(key: &str, body: &str, at: Option<Millis>) -> Result<Waiting, String> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow, rename = "requestContext")]
        context: Option<&'a RawValue>,
        #[serde(borrow)]
        payload: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Context {
        condition: Option<String>,
    }
    #[derive(Deserialize)]
    struct Batch<'a> {
        #[serde(borrow, rename = "Records")]
        records: Vec<&'a RawValue>,
    }
    let object: Object<'_> =
        serde_json::from_str(body).map_err(|error| format!("no discarded batch ({error})"))?;
    // Lambda writes the payload as JSON in a text.
    let text = serde_json::from_str::<String>(object.payload.get());
    let batch = text.unwrap_or_else(|_| object.payload.get().to_owned());
    let inner: Batch<'_> =
        serde_json::from_str(&batch).map_err(|error| format!("a payload that is no batch ({error})"))?;
    let (events, records) =
        (inner.records.iter().filter_map(|record| event_id(record.get())).collect(), inner.records.len());
    let context = object.context.and_then(|context| serde_json::from_str::<Context>(context.get()).ok());
    let why = context.and_then(|context| context.condition).unwrap_or_default();
    Ok(Waiting { place: Place::FailureBucket, name: key.to_owned(), at, why, batch, events, records })
}

fn event_id(record: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        #[serde(rename = "eventID")]
        event_id: String,
    }
    serde_json::from_str::<Id>(record).ok().map(|id| id.event_id)
}

/// Tells whether the audit function took a whole batch. Anything else it may answer means that something is left.
pub fn took_all(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Answer {
        #[serde(rename = "batchItemFailures")]
        failures: Vec<serde_json::Value>,
    }
    serde_json::from_slice::<Answer>(answer).is_ok_and(|answer| answer.failures.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Place, Quarantine, object, took_all};
    use crate::audit::log::Event;

    fn event(line: &serde_json::Value) -> Event {
        Event { at: 5, id: "log-1".into(), message: line.to_string() }
    }

    fn line(members: &serde_json::Value) -> serde_json::Value {
        let mut line = json!({"schema": "task.quarantine/1", "reason": "why", "sequenceNumber": "7"});
        line.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        line
    }

    #[test]
    fn a_quarantined_record_is_handed_over_as_it_came() {
        let mut quarantine = Quarantine::default();
        let raw = r#"{"schema":"task.quarantine/1","reason":"why","sequenceNumber":"7","payload":{"eventID":"e","b":1.10,"a":[ ]}}"#;
        let event = Event { at: 5, id: "log-1".into(), message: raw.into() };
        let waiting = quarantine.take(&event).expect("a line").expect("whole");
        assert_eq!(waiting.batch, r#"{"Records":[{"eventID":"e","b":1.10,"a":[ ]}]}"#);
        assert_eq!(
            (waiting.place, waiting.name.as_str(), waiting.events),
            (Place::Quarantine, "7", vec!["e".to_owned()])
        );
        assert_eq!(quarantine.take(&event), Ok(None), "the same record, quarantined again");
    }

    #[test]
    fn a_record_in_parts_is_joined_in_their_order() {
        let mut quarantine = Quarantine::default();
        let part =
            |part: usize, text: &str| event(&line(&json!({"part": part, "parts": 2, "payloadText": text})));
        assert_eq!(quarantine.take(&part(2, "\"e\"}")), Ok(None));
        assert_eq!(quarantine.incomplete().collect::<Vec<_>>(), ["7"]);
        let whole = quarantine.take(&part(1, "{\"eventID\":")).expect("a line").expect("whole");
        assert_eq!(whole.batch, r#"{"Records":[{"eventID":"e"}]}"#);
        assert_eq!(quarantine.incomplete().count(), 0);
    }

    #[test]
    fn a_line_that_is_none_is_said_to_be_none() {
        let mut quarantine = Quarantine::default();
        let text = Event { at: 0, id: String::new(), message: "hello".into() };
        assert!(quarantine.take(&text).expect_err("no JSON").contains("no line of a quarantine"));
        for (wrong, why) in
            [(json!({"schema": "other/1", "payload": 1}), "unknown format"), (json!({}), "without a payload")]
        {
            assert!(quarantine.take(&event(&line(&wrong))).expect_err(why).contains(why));
        }
    }

    #[test]
    fn an_object_of_the_failure_bucket_holds_its_batch_as_text() {
        let batch = r#"{"Records":[{"eventID":"a"},{"broken":1}]}"#;
        let body = json!({"requestContext": {"condition": "RetryAttemptsExhausted"}, "payload": batch});
        let waiting = object("aws/lambda/x", &body.to_string(), Some(9)).expect("a batch");
        assert_eq!(
            (waiting.batch.as_str(), waiting.records, waiting.events),
            (batch, 2, vec!["a".to_owned()])
        );
        assert_eq!(waiting.why, "RetryAttemptsExhausted");
        for wrong in ["", "{}", r#"{"payload":"x"}"#, r#"{"payload":{"Records":7}}"#] {
            assert!(object("k", wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_an_empty_list_of_failures_means_that_all_was_taken() {
        assert!(took_all(br#"{"batchItemFailures":[]}"#));
        for answer in [
            r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#,
            r#"{"errorMessage":"x","errorType":"y"}"#,
            r#"{"batchItemFailures":[],"errorType":"y"}"#,
            "{}",
            "null",
            "",
        ] {
            assert!(!took_all(answer.as_bytes()), "{answer}");
        }
    }
}
