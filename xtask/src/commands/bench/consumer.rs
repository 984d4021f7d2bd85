//! The records that an audit function takes to the log in a second of its processor time.
//!
//! The function runs by itself, between a Runtime API and a sink that takes whatever `PutLogEvents` and `PutItem` send, so that
//! nothing but the function is measured. All kinds of runs take turns, and the best of each counts: others may share the machine.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::commands::bench::candidate::adopt;
use crate::commands::bench::instance::Instance;
use crate::commands::bench::memory::PEAK;
use crate::commands::bench::runtime_api;
use crate::tools::environment::{REGION, local_aws};

/// The times that each kind of run is repeated.
const ROUNDS: usize = 3;

/// How many records come at a time, and how many times in a run. The first invocations connect, and are not measured.
#[derive(Debug, Clone, Copy)]
pub struct Batches {
    pub records: usize,
    pub count: usize,
    pub warm_up: usize,
}

/// An audit function: the command that starts it, and whether its log is sealed.
#[derive(Debug)]
pub struct Consumer {
    pub command: Command,
    pub is_sealed: bool,
}

/// The best of several runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Run {
    /// Records per second of processor time.
    pub rate: f64,
    /// The largest resident memory.
    pub memory: u64,
}

/// Measures audit functions with batches of one size.
pub fn measure<const N: usize>(consumers: &[Consumer; N], batches: Batches) -> Result<[Run; N]> {
    let mut best = [Run::default(); N];
    for _ in 0..ROUNDS {
        for (consumer, best) in consumers.iter().zip(&mut best) {
            let found = run(consumer, batches)?;
            best.rate = best.rate.max(found.rate);
            best.memory = best.memory.max(found.memory);
        }
    }
    Ok(best)
}

/// A server that takes whatever `PutLogEvents` and `PutItem` send, and counts it.
pub struct Sink {
    address: String,
    records: Arc<AtomicUsize>,
    intents: Arc<AtomicUsize>,
    /// The body of the last `PutLogEvents`.
    last: Arc<Mutex<Vec<u8>>>,
}

impl Sink {
    pub fn start() -> Result<Self> {
        let (listener, address) = runtime_api::listen()?;
        let (records, intents) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let last = <Arc<Mutex<Vec<u8>>>>::default();
        let sink = Self {
            address,
            records: Arc::clone(&records),
            intents: Arc::clone(&intents),
            last: Arc::clone(&last),
        };
        runtime_api::serve(listener, move |request| {
            match request.headers.get("x-amz-target").map(String::as_str) {
                Some("Logs_20140328.PutLogEvents") => {
                    let events = events(&request.body).len();
                    *last.lock().ok()? = request.body;
                    records.fetch_add(events, Ordering::SeqCst)
                }
                Some("DynamoDB_20120810.PutItem") => intents.fetch_add(1, Ordering::SeqCst),
                _ => 0,
            };
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\r\n{}";
            Some(head.to_owned())
        });
        Ok(sink)
    }
}

/// Returns the events of a `PutLogEvents`.
fn events(body: &[u8]) -> Vec<Value> {
    let mut call: Value = serde_json::from_slice(body).unwrap_or_default();
    call["logEvents"].as_array_mut().map(std::mem::take).unwrap_or_default()
}

impl Consumer {
    /// Makes the command that starts it on a sink.
    pub fn on(&self, sink: &Sink) -> Command {
        let mut command = Command::new(self.command.get_program());
        adopt(&mut command, &self.command);
        local_aws(&mut command, &format!("http://{}", sink.address));
        command.envs([
            ("STAGE", "bench"),
            ("AUDIT_LOG_GROUP", "audit"),
            ("QUARANTINE_LOG_GROUP", "quarantine"),
            ("AUDIT_FREE_TEXT", "false"),
            ("INTENT_TABLE", if self.is_sealed { "intents" } else { "" }),
        ]);
        command
    }

    /// Returns what it writes for a batch: the time of each event, and its record without the time at which it was made.
    fn writes(&self, batch: &str) -> Result<Vec<(Value, Value)>> {
        let sink = Sink::start()?;
        let mut instance = Instance::start(&mut self.on(&sink), "audit")?;
        hand_over(&mut instance, batch)?;
        let body = sink.last.lock().ok().context("the sink broke")?.clone();
        let event = |event: Value| {
            let mut record: Value = serde_json::from_str(event["message"].as_str().unwrap_or_default())
                .context("a line of the audit log is not JSON")?;
            let audited = record["time"].as_object_mut().and_then(|time| time.remove("audited"));
            audited.context("a record does not say when it was made")?;
            Ok((event["timestamp"].clone(), record))
        };
        events(&body).into_iter().map(event).collect()
    }
}

/// Fails unless all consumers write the same events for a created, a changed and a deleted task.
pub fn alike(consumers: &[Consumer]) -> Result<()> {
    let batch = json!({"Records": [created(1), change(2), deleted(3)]}).to_string();
    let written = consumers.iter().map(|consumer| consumer.writes(&batch)).collect::<Result<Vec<_>>>()?;
    for pair in written.windows(2) {
        ensure!(
            pair[0].len() == 3 && pair[0] == pair[1],
            "the audit functions write {:#?}\nand {:#?}",
            pair[0],
            pair[1]
        );
    }
    Ok(())
}

/// Hands over one batch, every record of which must be taken.
pub fn invoke(instance: &mut Instance, number: usize, records: usize) -> Result<()> {
    hand_over(instance, &batch(number, records))
}

fn hand_over(instance: &mut Instance, batch: &str) -> Result<()> {
    let answer = instance.invoke(batch)?;
    let answer: Value =
        serde_json::from_str(&answer.body).context("the audit function's answer is not JSON")?;
    ensure!(answer == json!({"batchItemFailures": []}), "the audit function answers {answer}");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "records far below 2^52")]
fn run(consumer: &Consumer, batches: Batches) -> Result<Run> {
    let sink = Sink::start()?;
    let mut instance = Instance::start(&mut consumer.on(&sink), "audit")?;
    (0..batches.warm_up).try_for_each(|at| invoke(&mut instance, at, batches.records))?;
    let (invocations, before) = (batches.warm_up + batches.count, instance.on_cpu()?);
    (batches.warm_up..invocations).try_for_each(|at| invoke(&mut instance, at, batches.records))?;
    let (seconds, memory) = (instance.on_cpu()? - before, instance.memory(PEAK)?);
    let (records, intents) = (sink.records.load(Ordering::SeqCst), sink.intents.load(Ordering::SeqCst));
    ensure!(records == invocations * batches.records, "{records} records reached the sink");
    let expected = if consumer.is_sealed { invocations } else { 0 };
    ensure!(intents == expected, "{intents} intents reached the sink");
    Ok(Run { rate: (batches.count * batches.records) as f64 / seconds, memory })
}

/// Returns a batch of changes of tasks, as the API writes them.
fn batch(number: usize, records: usize) -> String {
    let records: Vec<Value> = (0..records).map(|record| change(number * records + record)).collect();
    json!({ "Records": records }).to_string()
}

fn change(number: usize) -> Value {
    record(number, Some(&image(number, 1, "PENDING")), &image(number, 2, "IN_PROGRESS"))
}

fn created(number: usize) -> Value {
    record(number, None, &image(number, 1, "PENDING"))
}

fn deleted(number: usize) -> Value {
    let mut tombstone = image(number, 2, "PENDING");
    if let Some(attributes) = tombstone.as_object_mut() {
        attributes.retain(|name, _| {
            !["title", "description", "status", "priority", "dueAt", "salt"].contains(&name.as_str())
        });
    }
    tombstone["deletedBy"] = json!({"S": "local-developer"});
    record(number, Some(&image(number, 1, "PENDING")), &tombstone)
}

/// Returns a task's item, as the API writes it.
fn image(number: usize, version: usize, status: &str) -> Value {
    json!({
        "PK": {"S": "local"}, "SK": {"S": format!("TASK#01a20911-a456-70b1-9605-{number:012x}")},
        "title": {"S": format!("Buy the milk of day {number}")}, "description": {"S": "Two bottles, and something for the cat."},
        "status": {"S": status}, "priority": {"S": "NORMAL"}, "dueAt": {"S": "2061-01-31T12:00:00.000Z"},
        "createdAt": {"S": "2026-11-28T08:41:07.123Z"}, "updatedAt": {"S": "2026-11-28T08:41:09.123Z"},
        "version": {"N": version.to_string()}, "salt": {"B": "AAECAwQFBgcICQoLDA0ODw=="},
        "actor": {"M": {"id": {"S": "local-developer"}, "auth": {"S": "token"},
            "scopes": {"L": [{"S": "tasks:read"}, {"S": "tasks:write"}]}}},
        "request": {"M": {"id": {"S": format!("ec4f3cfb-957a-4132-96b6-{version:x}{number:011x}")},
            "sourceIp": {"S": "198.51.100.7"}, "userAgent": {"S": "curl/7.88.1"}}},
    })
}

/// Returns a record of the stream, as Lambda delivers it.
fn record(number: usize, old: Option<&Value>, new: &Value) -> Value {
    let name = if old.is_some() { "MODIFY" } else { "INSERT" };
    let mut record = json!({
        "eventID": format!("{number:032x}"), "eventName": name, "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_855_267.0, "Keys": {"PK": new["PK"], "SK": new["SK"]},
            "NewImage": new, "SequenceNumber": format!("{number:021}"), "SizeBytes": 900, "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/tasks-dev/stream/2026-11-28T08:00:00.000",
    });
    if let Some(old) = old {
        record["dynamodb"]["OldImage"] = old.clone();
    }
    record
}
