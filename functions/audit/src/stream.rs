//! Takes a batch of the table's stream to the audit log, and reports the record to continue from.
//!
//! A batch is acknowledged only as far as CloudWatch Logs accepted it. That is why audit records are not written to standard
//! output, which nobody acknowledges.

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use tasks::{
    audit::{FreeText, LATEST_HOURS, StreamRecord},
    task::Timestamp,
};

use crate::log_sink::{Call, LogSink, Stopped};

/// The largest payload, in bytes, that is quarantined in one event, which holds 1 MB ("CloudWatch Logs quotas").
const QUARANTINE_BYTES: usize = 900_000;
/// The size of the parts of a larger payload, in characters, each of which takes at most 6 bytes as JSON text.
const QUARANTINE_PART: usize = 150_000;
/// The greatest age at which an event keeps its own time. CloudWatch Logs rejects events that are older than 14 days or more
/// than 2 hours ahead; the stream keeps 24 hours.
const OLDEST_MILLIS: i64 = LATEST_HOURS * 60 * 60 * 1_000;
/// The time by which an event may be ahead and keep its own time.
const AHEAD_MILLIS: i64 = 60 * 60 * 1_000;

/// The event of a stream's mapping. Its records are decoded one by one, so that a broken one does not fail the others.
#[derive(Debug, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    pub records: Vec<Box<RawValue>>,
}

/// The outcome of one record.
enum Outcome {
    Audited { line: String, millis: i64 },
    Ignored,
    Poison { reason: String },
}

/// Writes batches to the audit log, and records that cannot be decoded to quarantine.
#[derive(Debug)]
pub struct Auditor {
    pub audit: LogSink,
    pub quarantine: LogSink,
    pub free_text: FreeText,
}

impl Auditor {
    /// Handles a batch in the stream's order and stops at the first record that fails. Lambda delivers the batch again from the
    /// reported record on ("Reporting batch item failures").
    ///
    /// An error fails the whole batch; Lambda then splits it, and what keeps failing ends up in the failure bucket.
    pub async fn handle(&self, batch: &Batch) -> Result<DynamoDbEventResponse, String> {
        let mut response = DynamoDbEventResponse::default();
        let records = batch.records.len();
        let Err(stopped) = self.write(batch, Timestamp::now()).await else {
            tracing::info!(records, "took {records} stream records to the audit log");
            return Ok(response);
        };
        let (sequence_number, cause) = (&stopped.sequence_number, &stopped.cause);
        tracing::error!(
            records,
            sequence_number,
            cause,
            "stopped within a batch of {records} stream records"
        );
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(stopped.sequence_number.ok_or(stopped.cause)?);
        response.batch_item_failures.push(failure);
        Ok(response)
    }

    async fn write(&self, batch: &Batch, now: Timestamp) -> Result<(), Stopped> {
        let mut call = Call::default();
        for raw in &batch.records {
            match self.outcome(raw, now) {
                Outcome::Ignored => {}
                Outcome::Audited { line, millis } => {
                    if !call.takes(&line, millis) {
                        self.audit.put(std::mem::take(&mut call)).await?;
                    }
                    call.push(line, millis, sequence_number(raw));
                }
                Outcome::Poison { reason } => {
                    self.audit.put(std::mem::take(&mut call)).await?;
                    self.quarantine(raw, &reason, now).await?;
                }
            }
        }
        self.audit.put(call).await
    }

    fn outcome(&self, raw: &RawValue, now: Timestamp) -> Outcome {
        let audited = serde_json::from_str::<StreamRecord>(raw.get())
            .map_err(|err| format!("not a stream record: {err}"))
            .and_then(|record| record.audit(self.free_text, now).map_err(|err| err.to_string()));
        match audited {
            Err(reason) => Outcome::Poison { reason },
            Ok(None) => Outcome::Ignored,
            Ok(Some(record)) => {
                let recent = now.unix_millis() - OLDEST_MILLIS..now.unix_millis() + AHEAD_MILLIS;
                let streamed =
                    record.time.streamed.map(Timestamp::unix_millis).filter(|at| recent.contains(at));
                let millis = streamed.unwrap_or_else(|| now.unix_millis());
                match serde_json::to_string(&record) {
                    Ok(line) => Outcome::Audited { line, millis },
                    Err(err) => {
                        Outcome::Poison { reason: format!("the audit record cannot be written: {err}") }
                    }
                }
            }
        }
    }

    /// Writes a record to quarantine with its whole payload, so that nothing is lost. The function's log names the record, but
    /// not its content.
    async fn quarantine(&self, raw: &RawValue, reason: &str, now: Timestamp) -> Result<(), Stopped> {
        let sequence_number = sequence_number(raw);
        tracing::error!(sequence_number, reason, "quarantined a stream record");
        for line in quarantine_lines(raw, reason, sequence_number.as_deref(), now) {
            let mut call = Call::default();
            call.push(line, now.unix_millis(), sequence_number.clone());
            self.quarantine.put(call).await?;
        }
        Ok(())
    }
}

/// Returns one line with the payload as it is or, if that is too large for a log event, one line per part of its text, to be
/// joined in order.
fn quarantine_lines(
    raw: &RawValue,
    reason: &str,
    sequence_number: Option<&str>,
    now: Timestamp,
) -> Vec<String> {
    let head = json!({
        "schema": "task.quarantine/1",
        "reason": reason.chars().take(500).collect::<String>(),
        "sequenceNumber": sequence_number,
        "quarantined": now,
    });
    let line = |members: serde_json::Value| {
        let mut line = head.clone();
        line.as_object_mut()
            .into_iter()
            .for_each(|line| line.extend(members.as_object().cloned().unwrap_or_default()));
        line.to_string()
    };
    if raw.get().len() <= QUARANTINE_BYTES {
        return vec![line(json!({"payload": raw}))];
    }
    let characters: Vec<char> = raw.get().chars().collect();
    let parts = characters.chunks(QUARANTINE_PART).map(|part| part.iter().collect::<String>());
    let count = parts.len();
    parts
        .zip(1..)
        .map(|(text, part)| line(json!({"part": part, "parts": count, "payloadText": text})))
        .collect()
}

/// Returns a record's sequence number, even if the rest of the record is broken.
fn sequence_number(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Outer {
        dynamodb: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(rename = "SequenceNumber")]
        sequence_number: String,
    }
    serde_json::from_str::<Outer>(raw.get()).ok().map(|outer| outer.dynamodb.sequence_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_sink::{CALL_BYTES, EVENT_OVERHEAD};

    #[test]
    fn a_payload_too_large_for_one_event_is_quarantined_in_parts() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let small = quarantine_lines(&raw(r#"{"a":1}"#), "why", Some("7"), Timestamp::now());
        let small: serde_json::Value = serde_json::from_str(&small[0]).unwrap();
        assert_eq!((&small["payload"], &small["sequenceNumber"]), (&json!({"a": 1}), &json!("7")));
        let large = json!({"a": "\"é\u{1}".repeat(300_000)}).to_string();
        let lines = quarantine_lines(&raw(&large), "why", None, Timestamp::now());
        assert!(lines.iter().all(|line| line.len() + EVENT_OVERHEAD < CALL_BYTES));
        let text =
            |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap()["payloadText"].take();
        let joined: String = lines.iter().map(|line| text(line).as_str().unwrap().to_owned()).collect();
        assert_eq!(joined, large);
    }

    #[test]
    fn a_broken_record_still_shows_its_sequence_number() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let broken = r#"{"eventID":7,"dynamodb":{"SequenceNumber":"123","Keys":9}}"#;
        assert_eq!(sequence_number(&raw(broken)).as_deref(), Some("123"));
        assert_eq!(sequence_number(&raw("[]")), None);
    }
}
