//! Many clients at once: only documented answers, and afterwards clients, table and audit log agree.
//!
//! Twice: undisturbed, when no answer may be a 5xx, and while calls of the functions are throttled, slowed down, cut off or end
//! in a crash.

mod client;
mod faults;
mod ledger;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use deployment::Service;
use serde_json::Value;

use self::client::{Client, Sent};
use self::faults::Struck;
use self::ledger::Ledger;
use crate::local::client::LocalAws;
use crate::tools::process::check_interrupted;

/// The clients of each phase.
pub const CLIENTS: u64 = 32;
/// The duration of each phase.
pub const PHASE: Duration = Duration::from_mins(1);

/// The answers of a phase, and what was found wrong.
#[derive(Debug)]
pub struct Phase {
    /// Requests by operation and answer: a status, with the kind of problem if it is one.
    pub answers: BTreeMap<(&'static str, String), usize>,
    pub struck: Struck,
    /// Answers with a status of 500 or more, and broken connections.
    pub failed: usize,
    /// Answers that docs/openapi.json does not have.
    pub undocumented: BTreeSet<String>,
}

/// Both phases, and their common end.
#[derive(Debug)]
pub struct Load {
    pub undisturbed: Phase,
    pub disturbed: Phase,
    pub records: usize,
    /// Audit records that came more than once, as at-least-once delivery allows.
    pub repeated: usize,
    /// Where clients, table and audit log disagree.
    pub disagreements: Vec<String>,
}

/// Runs both phases, waits for the audit log, and compares.
pub fn run(aws: &LocalAws, service: &Service, document: &Value) -> Result<Load> {
    let mut ledger = Ledger::default();
    let undisturbed = phase(service, document, &mut ledger, |done| {
        while !done.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(100));
        }
        Ok(Struck::default())
    })?;
    let disturbed = phase(service, document, &mut ledger, |done| faults::inject(aws, service, done))?;
    let records = ledger.settled_records(aws, &service.audit_log_group)?;
    let (repeated, disagreements) = ledger.compare(&records, &mut Client::new(service, 0))?;
    Ok(Load { undisturbed, disturbed, records: records.len(), repeated, disagreements })
}

/// Lets the clients work for the time of a phase while `beside` runs in a thread of its own, until it is told to end.
fn phase(
    service: &Service,
    document: &Value,
    ledger: &mut Ledger,
    beside: impl FnOnce(&AtomicBool) -> Result<Struck> + Send,
) -> Result<Phase> {
    let until = Instant::now() + PHASE;
    let done = AtomicBool::new(false);
    let first = ledger.next_client();
    let (sent, struck) = thread::scope(|scope| {
        let beside = scope.spawn(|| beside(&done));
        let clients: Vec<_> = (first..first + CLIENTS)
            .map(|number| scope.spawn(move || Client::new(service, number).work(until)))
            .collect();
        let sent: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        (sent, beside.join())
    });
    check_interrupted()?;
    let struck = struck.map_err(|_| anyhow!("the faults' thread panicked"))??;
    let mut phase = Phase { answers: BTreeMap::new(), struck, failed: 0, undocumented: BTreeSet::new() };
    for sent in sent {
        for sent in sent.map_err(|_| anyhow!("a client's thread panicked"))?? {
            phase.count(&sent, document)?;
            ledger.add(sent);
        }
    }
    Ok(phase)
}

impl Phase {
    pub fn requests(&self) -> usize {
        self.answers.values().sum()
    }

    /// Returns the answers by status and kind, over all operations.
    pub fn by_answer(&self) -> String {
        let mut all = BTreeMap::<&str, usize>::new();
        for ((_, answer), count) in &self.answers {
            *all.entry(answer).or_default() += count;
        }
        all.iter().map(|(answer, count)| format!("{count} × {answer}")).collect::<Vec<_>>().join(", ")
    }

    fn count(&mut self, sent: &Sent, document: &Value) -> Result<()> {
        let (path, method) =
            sent.operation.split_once(' ').map(|(method, path)| (path, method)).context("an operation")?;
        *self.answers.entry((sent.operation, sent.answer())).or_default() += 1;
        self.failed += usize::from(sent.status.is_none_or(|status| status >= 500));
        if let Some(status) = sent.status {
            let responses = &document["paths"][path][method.to_lowercase()]["responses"];
            if responses[status.to_string()].is_null() {
                self.undocumented.insert(format!("{} {}", sent.operation, sent.answer()));
            }
        }
        Ok(())
    }
}
