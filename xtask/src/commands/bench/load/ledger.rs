//! Compares the clients' responses with the table and the audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::CLIENTS;
use super::client::{Client, Sent};
use crate::local::client::LocalAws;
use crate::tools::process::check_interrupted;

/// The time within which the audit log must have everything. Batches that failed come again, halved.
const PATIENCE: Duration = Duration::from_mins(3);

/// Every answer to a write.
#[derive(Debug, Default)]
pub struct Ledger {
    writes: Vec<Sent>,
    phases: u64,
}

/// The effect of a write, as its response states it.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Done,
    NothingDone,
    Unknown,
}

impl Ledger {
    /// Returns the number of the first client of a new phase.
    pub fn next_client(&mut self) -> u64 {
        self.phases += 1;
        self.phases * CLIENTS
    }

    pub fn add(&mut self, sent: Sent) {
        if !sent.operation.starts_with("GET") {
            self.writes.push(sent);
        }
    }

    /// Reads the audit log until it has every change that was confirmed and does not grow any more.
    pub fn settled_records(&self, aws: &LocalAws, group: &str) -> Result<Vec<Value>> {
        let deadline = Instant::now() + PATIENCE;
        let confirmed: BTreeSet<_> = self
            .writes
            .iter()
            .filter(|sent| told(sent) == Told::Done)
            .map(|sent| sent.request_id.as_str())
            .collect();
        let mut before = usize::MAX;
        loop {
            check_interrupted()?;
            let records = records(aws, group)?;
            let found: BTreeSet<_> =
                records.iter().filter_map(|record| record["request"]["id"].as_str()).collect();
            let missing = confirmed.difference(&found).count();
            if (missing == 0 && records.len() == before) || Instant::now() > deadline {
                return Ok(records);
            }
            before = records.len();
            thread::sleep(Duration::from_secs(3));
        }
    }

    /// Compares; returns how many records came again, and every disagreement.
    pub fn compare(&self, records: &[Value], client: &mut Client) -> Result<(usize, Vec<String>)> {
        let mut seen = BTreeSet::new();
        let delivered = records.len();
        let records: Vec<_> =
            records.iter().filter(|record| seen.insert(record["eventId"].as_str())).collect();
        let mut disagreements = self.against_requests(&records);
        let mut tasks = BTreeMap::<&str, Vec<&Value>>::new();
        for record in &records {
            if let Some(id) = record["task"]["id"].as_str() {
                tasks.entry(id).or_default().push(record);
            }
        }
        for (id, records) in &tasks {
            check_interrupted()?;
            let unbroken = records.windows(2).all(|pair| {
                pair[0]["task"]["versionAfter"] == pair[1]["task"]["versionBefore"]
                    && pair[0]["integrity"]["after"] == pair[1]["integrity"]["before"]
            });
            if !unbroken || !records[0]["integrity"]["before"].is_null() {
                disagreements.push(format!("the audit records of {id} are no chain"));
            }
            let deleted = records.iter().any(|record| record["action"] == "task.deleted");
            let last = records.last().and_then(|record| record["task"]["versionAfter"].as_u64());
            let found = client.version_of(id)?;
            if found != last.filter(|_| !deleted) {
                disagreements
                    .push(format!("{id}: version {found:?} in the table, {last:?} in the audit log"));
            }
        }
        Ok((delivered - records.len(), disagreements))
    }

    /// A confirmed change has one record, one that was refused has none.
    fn against_requests(&self, records: &[&Value]) -> Vec<String> {
        let mut by_request = BTreeMap::<&str, usize>::new();
        for record in records.iter().filter(|record| record["action"] != "task.purged") {
            *by_request.entry(record["request"]["id"].as_str().unwrap_or_default()).or_default() += 1;
        }
        let mut disagreements = Vec::new();
        for sent in &self.writes {
            let count = by_request.get(sent.request_id.as_str()).copied().unwrap_or_default();
            let agrees = match told(sent) {
                Told::Done if sent.replayed => count <= 1,
                Told::Done => count == 1,
                Told::NothingDone => count == 0,
                Told::Unknown => count <= 1,
            };
            if !agrees {
                let (operation, answer, id) = (sent.operation, sent.answer(), &sent.request_id);
                disagreements
                    .push(format!("{operation} answered {answer}: {count} records of the request {id}"));
            }
        }
        disagreements
    }
}

fn told(sent: &Sent) -> Told {
    match (sent.status, sent.kind.as_str()) {
        (Some(200..300), _) => Told::Done,
        (Some(400..500), _) | (_, "unavailable") => Told::NothingDone,
        _ => Told::Unknown,
    }
}

/// Reads a whole log group, each event as JSON.
fn records(aws: &LocalAws, group: &str) -> Result<Vec<Value>> {
    let mut records = Vec::new();
    let mut next = Value::Null;
    loop {
        let mut input = json!({"logGroupName": group, "limit": 10_000});
        if !next.is_null() {
            input["nextToken"] = next;
        }
        let mut page = aws.json("logs", "Logs_20140328.FilterLogEvents", &input)?;
        let Some(events) = page["events"].as_array() else { bail!("FilterLogEvents answers without events") };
        for event in events {
            records.push(serde_json::from_str(event["message"].as_str().unwrap_or_default())?);
        }
        next = page["nextToken"].take();
        if next.is_null() {
            return Ok(records);
        }
    }
}
