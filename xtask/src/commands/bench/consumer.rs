//! The records that the audit function takes to the log in a second of its processor time, with the seal and without.
//!
//! The release binary runs by itself, between a Runtime API and a sink that takes whatever `PutLogEvents` and `PutItem` send, so
//! that nothing but the function is measured. Both kinds of runs take turns, and the best of each counts: others may share the
//! machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::commands::bench::runtime_api::{self, Request};
use crate::tools::environment::REGION;
use crate::tools::process;

/// The times that each kind of run is repeated.
const ROUNDS: usize = 5;
/// The time that a run may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many records come at a time, and how many times in a run. The first invocations connect, and are not measured.
#[derive(Debug, Clone, Copy)]
pub struct Batches {
    pub records: usize,
    pub count: usize,
    pub warm_up: usize,
}

/// Records per second of processor time.
#[derive(Debug, Clone, Copy)]
pub struct Throughput {
    pub without: f64,
    pub sealed: f64,
}

/// Measures one size of batches.
pub fn measure(audit: &Path, batches: Batches) -> Result<Throughput> {
    let mut best = Throughput { without: 0.0, sealed: 0.0 };
    for _ in 0..ROUNDS {
        best.without = best.without.max(run(audit, batches, false)?);
        best.sealed = best.sealed.max(run(audit, batches, true)?);
    }
    Ok(best)
}

/// The news of the function's Runtime API.
enum Said {
    /// The invocations before the measured ones are over, or the measured ones too; the function waits for its answer.
    Waits(Sender<()>),
    Failed(String),
}

/// The calls that reached the sink.
#[derive(Debug, Default)]
struct Sink {
    records: AtomicUsize,
    intents: AtomicUsize,
}

#[expect(clippy::cast_precision_loss, reason = "records far below 2^52")]
fn run(audit: &Path, batches: Batches, is_sealed: bool) -> Result<f64> {
    let sink = Arc::new(Sink::default());
    let sink_address = sink.start()?;
    let (listener, address) = runtime_api::listen()?;
    let said = invoke(listener, batches);
    let mut command = Command::new(audit);
    command.envs(runtime_api::environment("audit", &address)).envs([
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL", &format!("http://{sink_address}")),
        ("STAGE", "bench"),
        ("AUDIT_LOG_GROUP", "audit"),
        ("QUARANTINE_LOG_GROUP", "quarantine"),
        ("AUDIT_FREE_TEXT", "false"),
        ("INTENT_TABLE", if is_sealed { "intents" } else { "" }),
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = process::start(&mut command)?;
    let measured = measured(&said, child.id());
    process::signal(i32::try_from(child.id()).context("a process has a strange id")?, Signal::SIGKILL);
    let _ = child.wait();
    let seconds = measured?;
    let invocations = batches.warm_up + batches.count;
    let (records, intents) = (sink.records.load(Ordering::SeqCst), sink.intents.load(Ordering::SeqCst));
    ensure!(records == invocations * batches.records, "{records} records reached the sink");
    ensure!(intents == if is_sealed { invocations } else { 0 }, "{intents} intents reached the sink");
    Ok((batches.count * batches.records) as f64 / seconds)
}

/// Returns the processor time of the measured invocations.
fn measured(said: &Receiver<Said>, pid: u32) -> Result<f64> {
    let next = || match said.recv_timeout(PATIENCE).context("the audit function does not answer")? {
        Said::Waits(go_on) => Ok((on_cpu(pid)?, go_on)),
        Said::Failed(answer) => bail!("the audit function answers {answer}"),
    };
    let (before, go_on) = next()?;
    drop(go_on);
    let (after, _) = next()?;
    Ok(after - before)
}

/// Invokes the function with one batch after the other, and stops before and after the measured ones until it is told to go on.
fn invoke(listener: std::net::TcpListener, batches: Batches) -> Receiver<Said> {
    let (says, said) = channel();
    let invocations: Vec<String> = (0..batches.warm_up + batches.count)
        .map(|at| runtime_api::invocation(&batch(at, batches.records)))
        .collect();
    let next = Arc::new(AtomicUsize::new(0));
    runtime_api::serve(listener, move |request| {
        if request.line.contains("/invocation/next ") {
            let at = next.fetch_add(1, Ordering::SeqCst);
            if at == batches.warm_up || at == invocations.len() {
                let (go_on, told) = channel();
                says.send(Said::Waits(go_on)).ok()?;
                let _ = told.recv();
            }
            return invocations.get(at).cloned();
        }
        let answer = String::from_utf8_lossy(&request.body).into_owned();
        if answer != r#"{"batchItemFailures":[]}"# {
            says.send(Said::Failed(answer)).ok()?;
        }
        Some(runtime_api::invocation(""))
    });
    said
}

impl Sink {
    fn start(self: &Arc<Self>) -> Result<String> {
        let (listener, address) = runtime_api::listen()?;
        let sink = Arc::clone(self);
        runtime_api::serve(listener, move |request| {
            sink.count(&request);
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\r\n{}";
            Some(head.to_owned())
        });
        Ok(address)
    }

    fn count(&self, request: &Request) {
        match request.headers.get("x-amz-target").map(String::as_str) {
            Some("Logs_20140328.PutLogEvents") => {
                let call: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let records = call["logEvents"].as_array().map_or(0, Vec::len);
                self.records.fetch_add(records, Ordering::SeqCst);
            }
            Some("DynamoDB_20120810.PutItem") => drop(self.intents.fetch_add(1, Ordering::SeqCst)),
            _ => {}
        }
    }
}

/// Returns a batch of changes of tasks, as the API writes them.
fn batch(number: usize, records: usize) -> String {
    let records: Vec<Value> = (0..records).map(|record| change(number * records + record)).collect();
    json!({ "Records": records }).to_string()
}

fn change(number: usize) -> Value {
    let image = |version: usize, status: &str| {
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
    };
    let new = image(2, "IN_PROGRESS");
    json!({
        "eventID": format!("{number:032x}"), "eventName": "MODIFY", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_855_267.0, "Keys": {"PK": new["PK"], "SK": new["SK"]},
            "OldImage": image(1, "PENDING"), "NewImage": new,
            "SequenceNumber": format!("{number:021}"), "SizeBytes": 900, "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/tasks-dev/stream/2026-11-28T08:00:00.000",
    })
}

/// Reads the seconds for which the threads of a process have been running.
fn on_cpu(pid: u32) -> Result<f64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .context("processor time can be read on Linux only, of a process that runs")?;
    let nanoseconds = |thread: fs::DirEntry| {
        let text =
            fs::read_to_string(thread.path().join("schedstat")).context("a thread has no schedstat")?;
        text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).context("schedstat is malformed")
    };
    Ok(threads.flatten().map(nanoseconds).sum::<Result<f64>>()? / 1e9)
}
