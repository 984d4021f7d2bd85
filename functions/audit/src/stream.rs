//! Takes a batch of the table's stream to the audit log, and reports the record to continue from.
//!
//! A batch is acknowledged only as far as CloudWatch Logs accepted it. That is why audit records are not written to standard
//! output, which nobody acknowledges.

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use seal::{Leaf, Minute, leaf::leaf_of};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use tasks::{
    audit::{AuditRecord, Deployment, LATEST_HOURS, StreamRecord, UNKNOWN_ACTOR},
    task::Timestamp,
};

use crate::{
    intents::{Intent, Intents},
    log_sink::{Call, LogSink, Stopped},
};

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
    Audited(Audited),
    Ignored,
    Poison { reason: String },
}

/// A record as it is written to the log.
struct Audited {
    line: String,
    millis: i64,
    sequence_number: String,
    leaf: Leaf,
    streamed: Minute,
    is_unknown_actor: bool,
}

/// The records of the next call, and what is said of them before.
#[derive(Default)]
struct Pending {
    call: Call,
    intent: Intent,
}

/// Writes batches to the audit log, and records that cannot be decoded to quarantine.
#[derive(Debug)]
pub struct Auditor {
    pub audit: LogSink,
    pub quarantine: LogSink,
    /// `None` if the log is not sealed.
    pub intents: Option<Intents>,
    pub deployment: Deployment,
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
        let mut pending = Pending::default();
        for raw in &batch.records {
            match self.outcome(raw, now) {
                Outcome::Ignored => {}
                Outcome::Audited(audited) => {
                    if !pending.call.takes(&audited.line, audited.millis) {
                        self.put(std::mem::take(&mut pending), &self.audit, now).await?;
                    }
                    pending.push(audited);
                }
                Outcome::Poison { reason } => {
                    self.put(std::mem::take(&mut pending), &self.audit, now).await?;
                    self.quarantine(raw, &reason, now).await?;
                }
            }
        }
        self.put(pending, &self.audit, now).await
    }

    /// Says what a call will write, and only then writes it.
    async fn put(&self, pending: Pending, sink: &LogSink, now: Timestamp) -> Result<(), Stopped> {
        let Pending { call, intent } = pending;
        if call.is_empty() {
            return Ok(());
        }
        if let Some(intents) = &self.intents {
            // The minute of `time.audited`, by which a verifier knows which checkpoint must have a record.
            let minute = Minute::of_unix_millis(now.unix_millis());
            let stored = intents.store(&intent, minute, call.first_sequence_number()).await;
            stored.map_err(|cause| call.stopped(cause))?;
        }
        sink.put(call).await
    }

    fn outcome(&self, raw: &RawValue, now: Timestamp) -> Outcome {
        let audited = serde_json::from_str::<StreamRecord>(raw.get())
            .map_err(|err| format!("not a stream record: {err}"))
            .and_then(|record| record.audit(&self.deployment, now).map_err(|err| err.to_string()));
        match audited {
            Err(reason) => Outcome::Poison { reason },
            Ok(None) => Outcome::Ignored,
            Ok(Some(record)) => match Audited::of(record, now) {
                Ok(audited) => Outcome::Audited(audited),
                Err(reason) => {
                    Outcome::Poison { reason: format!("the audit record cannot be written: {reason}") }
                }
            },
        }
    }

    /// Writes a record to quarantine with its whole payload, so that nothing is lost. The function's log names the record, but
    /// not the reason, which may quote its content.
    async fn quarantine(&self, raw: &RawValue, reason: &str, now: Timestamp) -> Result<(), Stopped> {
        let sequence_number = sequence_number(raw);
        tracing::error!(sequence_number, "quarantined a stream record");
        // Counted once, however many lines it takes.
        let mut quarantined = 1;
        for line in quarantine_lines(raw, reason, sequence_number.as_deref(), now) {
            let mut pending = Pending::default();
            pending.call.push(line, now.unix_millis(), sequence_number.clone());
            pending.intent.quarantined = std::mem::take(&mut quarantined);
            self.put(pending, &self.quarantine, now).await?;
        }
        Ok(())
    }
}

impl Audited {
    /// Puts the record's leaf into it and writes it as a line.
    fn of(mut record: AuditRecord, now: Timestamp) -> Result<Self, String> {
        let audited = record.time.audited.take();
        let leaf = leaf_of(&serde_json::to_vec(&record).map_err(|err| err.to_string())?);
        record.time.audited = audited;
        record.integrity.record = Some(leaf.hex());
        let now = now.unix_millis();
        let streamed = record.time.streamed.map(Timestamp::unix_millis);
        let recent = now - OLDEST_MILLIS..now + AHEAD_MILLIS;
        Ok(Self {
            line: serde_json::to_string(&record).map_err(|err| err.to_string())?,
            millis: streamed.filter(|at| recent.contains(at)).unwrap_or(now),
            sequence_number: record.source.sequence_number,
            leaf,
            streamed: Minute::of_unix_millis(streamed.unwrap_or(now - OLDEST_MILLIS)),
            is_unknown_actor: record.actor.id == UNKNOWN_ACTOR,
        })
    }
}

impl Pending {
    fn push(&mut self, audited: Audited) {
        let Audited { line, millis, sequence_number, leaf, streamed, is_unknown_actor } = audited;
        self.call.push(line, millis, Some(sequence_number));
        self.intent.leaves.push(leaf);
        self.intent.streamed = Some(self.intent.streamed.map_or(streamed, |oldest| oldest.min(streamed)));
        self.intent.unknown_actors += u64::from(is_unknown_actor);
    }
}

/// A line of the quarantine. It is written as text around the payload's own text: read as a value, a payload could be nested too
/// deeply, or have a number or an escape that no value can hold, and that may be why it is here.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QuarantineLine<'a> {
    schema: &'static str,
    reason: &'a str,
    sequence_number: Option<&'a str>,
    quarantined: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(flatten)]
    part: Option<Part>,
}

/// A part of a payload that is too large for a line.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(rename = "part")]
    number: usize,
    #[serde(rename = "parts")]
    of: usize,
    payload_text: String,
}

/// Returns one line with the payload as it is or, if that is too large for a log event, one line per part of its text, to be
/// joined in order.
fn quarantine_lines(
    raw: &RawValue,
    reason: &str,
    sequence_number: Option<&str>,
    now: Timestamp,
) -> Vec<String> {
    let reason: String = reason.chars().take(500).collect();
    let line = |payload, part| {
        let schema = "task.quarantine/1";
        let line =
            QuarantineLine { schema, reason: &reason, sequence_number, quarantined: now, payload, part };
        // Names, texts and a payload that is JSON already cannot fail to serialise.
        serde_json::to_string(&line).unwrap_or_default()
    };
    if raw.get().len() <= QUARANTINE_BYTES {
        return vec![line(Some(raw), None)];
    }
    let characters: Vec<char> = raw.get().chars().collect();
    let texts = characters.chunks(QUARANTINE_PART).map(|part| part.iter().collect());
    let of = texts.len();
    let parts = (1..).zip(texts).map(|(number, payload_text)| Part { number, of, payload_text });
    parts.map(|part| line(None, Some(part))).collect()
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
    use serde_json::json;

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
