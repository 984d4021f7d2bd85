//! The answers that clients got, held against the audit log and the table.

use std::collections::{BTreeMap, HashMap, HashSet};

use seal::Minute;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use super::{
    PATIENCE, Table,
    client::{Outcome, Told, owner},
};
use crate::teardown::account::Account;

pub struct Ledger {
    told: Vec<Told>,
}

/// The lines of the log, in its order, each as it is stored and as it is read.
pub struct Log {
    pub lines: Vec<String>,
    records: Vec<Record>,
}

/// The part of a record that is compared.
struct Record {
    event: String,
    request: Option<String>,
    /// Owner and id.
    task: (String, String),
    /// So that it sorts as a number.
    sequence: (usize, String),
    is_purge: bool,
    /// Image and version.
    before: (Value, Value),
    after: (Value, Value),
    audited: Minute,
}

impl Record {
    fn read(line: &str) -> Self {
        let record: Value = serde_json::from_str(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let sequence = text(&record["source"]["sequenceNumber"]);
        let digits = sequence.trim_start_matches('0').to_owned();
        Self {
            event: text(&record["eventId"]),
            request: record["request"]["id"].as_str().map(str::to_owned),
            task: (text(&record["task"]["owner"]), text(&record["task"]["id"])),
            sequence: (digits.len(), digits),
            is_purge: record["action"] == "task.purged",
            before: (record["integrity"]["before"].clone(), record["task"]["versionBefore"].clone()),
            after: (record["integrity"]["after"].clone(), record["task"]["versionAfter"].clone()),
            audited: Minute::of_timestamp(record["time"]["audited"].as_str().unwrap()).unwrap(),
        }
    }
}

impl Log {
    async fn read(account: &Account) -> Self {
        let lines = account.log(&account.outputs["AuditLogGroup"]).await;
        let records = lines.iter().map(|line| Record::read(line)).collect();
        Self { lines, records }
    }

    /// Returns each change's first record, in the log's order.
    fn changes(&self) -> Vec<&Record> {
        let mut seen = HashSet::new();
        self.records.iter().filter(|record| seen.insert(&record.event)).collect()
    }
}

/// Returns the minute of the newest record.
pub fn newest(log: &Log) -> Option<Minute> {
    log.records.iter().map(|record| record.audited).max()
}

impl Ledger {
    pub fn new(told: Vec<Told>) -> Self {
        Self { told }
    }

    fn requests(&self, outcome: Outcome) -> impl Iterator<Item = &str> {
        self.told.iter().filter(move |told| told.outcome == outcome).map(|told| told.request.as_str())
    }

    /// Reads the audit log until it has every change that was acknowledged and does not grow any more, or too long.
    pub async fn settled(&self, account: &Account) -> Log {
        let deadline = Instant::now() + PATIENCE;
        let mut before = 0;
        loop {
            let log = Log::read(account).await;
            let found: HashSet<_> =
                log.records.iter().filter_map(|record| record.request.as_deref()).collect();
            let has_all = self.requests(Outcome::Done).all(|request| found.contains(request));
            if (has_all && log.lines.len() == before) || Instant::now() > deadline {
                return log;
            }
            before = log.lines.len();
            sleep(Duration::from_secs(5)).await;
        }
    }

    /// Compares, and says what it found.
    pub async fn compare(&self, log: &Log, account: &Account, table: &mut Table) {
        let changes = log.changes();
        let mut of_request = HashMap::<&str, usize>::new();
        for change in changes.iter().filter(|change| !change.is_purge) {
            *of_request.entry(change.request.as_deref().unwrap_or_default()).or_default() += 1;
        }
        let count = |request: &str| of_request.get(request).copied().unwrap_or_default();
        table.says("requests", self.told.len());
        table.says("changes acknowledged", self.requests(Outcome::Done).count());
        table.says("answers that tell nothing", self.requests(Outcome::Unknown).count());
        table.says("changes in the log, purges included", changes.len());
        table.says("records, those delivered again included", log.records.len());
        let lost = self.requests(Outcome::Done).filter(|request| count(request) == 0).count();
        table.must("lost", lost, 0);
        table.must("doubled", of_request.values().filter(|count| **count > 1).count(), 0);
        let refused =
            self.requests(Outcome::Nothing).filter(|request| !request.is_empty() && count(request) > 0);
        table.must("refused and recorded", refused.count(), 0);
        let mut tasks = BTreeMap::<_, Vec<&Record>>::new();
        for change in changes {
            tasks.entry(&change.task).or_default().push(change);
        }
        let (mut out_of_order, mut gaps) = (0, 0);
        for records in tasks.values_mut() {
            out_of_order += records.windows(2).filter(|pair| pair[0].sequence > pair[1].sequence).count();
            records.sort_by_key(|record| record.sequence.clone());
            gaps += records.windows(2).filter(|pair| pair[0].after != pair[1].before).count();
            gaps += usize::from(!records[0].before.0.is_null());
        }
        table.must("out of order", out_of_order, 0);
        table.must("gaps", gaps, 0);
        let live = |records: &Vec<&Record>| records.last().and_then(|record| record.after.1.as_u64());
        let live = tasks
            .iter()
            .filter_map(|((owner, id), records)| Some((owner.clone(), id.clone(), live(records)?)));
        let logged: HashSet<_> = live.collect();
        let stored = stored(account).await;
        table.must("tasks that differ from the log", logged.symmetric_difference(&stored).count(), 0);
    }
}

/// Reads owner, id and version of every task in the table.
async fn stored(account: &Account) -> HashSet<(String, String, u64)> {
    let mut stored = HashSet::new();
    for client in 0..super::setting("SOAK_CLIENTS", super::CLIENTS) {
        let mut start = Value::Null;
        loop {
            let mut query = json!({
                "TableName": account.outputs["TableName"], "ConsistentRead": true, "ProjectionExpression": "SK, version",
                "KeyConditionExpression": "PK = :owner AND begins_with(SK, :task)",
                "ExpressionAttributeValues": {":owner": {"S": owner(client)}, ":task": {"S": "TASK#"}},
            });
            if !start.is_null() {
                query["ExclusiveStartKey"] = start;
            }
            let mut page = account.aws.dynamodb("Query", query).await.json();
            for item in page["Items"].as_array().unwrap() {
                let id = item["SK"]["S"].as_str().unwrap().trim_start_matches("TASK#").to_owned();
                stored.insert((owner(client), id, item["version"]["N"].as_str().unwrap().parse().unwrap()));
            }
            start = page["LastEvaluatedKey"].take();
            if start.is_null() {
                break;
            }
        }
    }
    stored
}
