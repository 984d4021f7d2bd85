//! Many changes by many clients over several shards, while functions crash and services fail: what every client was told is in
//! the audit log once, in order and without a gap, and the notary's seal vouches for all of it.
//!
//! `cargo xtask soak` lets it run for longer. It has an account of its own, in which the emulated gateway serves no API, so its
//! clients call the task function as the gateway does.

mod client;
mod faults;
mod ledger;
mod sealed;

use std::{
    env,
    fmt::{Display, Write as _},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use self::{client::Client, faults::Faults, ledger::Ledger, sealed::Sealed};
use crate::teardown::{account::Account, assembly::function};

/// The size of the run that is among all tests.
const CHANGES: usize = 2_000;
const CLIENTS: usize = 5;
/// The most minutes of changes.
const MINUTES: usize = 60;
/// The times that every shard is split in two.
const SPLITS: usize = 2;
/// The audit function's time-out, by which the notary knows when a minute gets no more intents.
const AUDIT_SECONDS: u64 = 15;
/// The time in which the log must have everything, and in which all of it must be sealed.
const PATIENCE: Duration = Duration::from_mins(15);

/// The progress of all clients.
#[derive(Debug)]
struct Progress {
    /// The changes that are done.
    changes: AtomicUsize,
    wanted: usize,
    until: Instant,
}

impl Progress {
    fn goes_on(&self) -> bool {
        self.done() < self.wanted && Instant::now() < self.until
    }

    fn done(&self) -> usize {
        self.changes.load(Ordering::Relaxed)
    }
}

/// Reads the size of the run from what `cargo xtask soak` was told.
fn setting(name: &str, otherwise: usize) -> usize {
    env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test]
async fn nothing_is_lost_doubled_or_unsealed_while_everything_fails() {
    let account = Account::with(patient).await;
    let minutes = setting("SOAK_MINUTES", MINUTES) as u64;
    let progress = Progress {
        changes: AtomicUsize::new(0),
        wanted: setting("SOAK_CHANGES", CHANGES),
        until: Instant::now() + Duration::from_mins(minutes),
    };
    let clients =
        (0..setting("SOAK_CLIENTS", CLIENTS)).map(|number| Client::new(&account, number).work(&progress));
    let faults = Faults::new(&account);
    let start = Instant::now();
    let (told, (), ()) =
        tokio::join!(join_all(clients), faults.strike(&progress), split(&account, &progress));
    let took = start.elapsed();
    faults.spare_the_others().await;
    let ledger = Ledger::new(told.into_iter().flatten().collect());
    let log = ledger.settled(&account).await;
    let sealed = Sealed::new(&account);
    let newest = ledger::newest(&log);
    let deadline = Instant::now() + PATIENCE;
    while sealed.until().await < newest {
        assert!(Instant::now() < deadline, "the notary does not seal the minute {newest:?}");
        sleep(Duration::from_secs(2)).await;
        faults.invoke_notary().await;
    }
    let mut table = Table::default();
    faults.report(&mut table).await;
    table.says("seconds of changes", took.as_secs());
    ledger.compare(&log, &account, &mut table).await;
    sealed.verify(&log, &mut table).await;
    println!("\n{}", table.text);
    assert!(table.wrong.is_empty(), "{:#?}\n{}", table.wrong, table.text);
}

/// Gives the functions the time that many clients on a small machine need, and the notary less to wait for.
fn patient(template: &mut Value) {
    function(template, "-task-api")["Timeout"] = json!(10);
    function(template, "-audit")["Timeout"] = json!(AUDIT_SECONDS);
    function(template, "-notary")["Environment"]["Variables"]["AUDIT_TIMEOUT_SECONDS"] =
        json!(AUDIT_SECONDS.to_string());
}

/// Splits the shards of the table's stream, at equal distances on the way.
async fn split(account: &Account, progress: &Progress) {
    for split in 1..=SPLITS {
        while progress.goes_on() && progress.done() < progress.wanted * split / (SPLITS + 2) {
            sleep(Duration::from_millis(200)).await;
        }
        account.aws.admin("shards", json!({"table": account.outputs["TableName"]})).await;
    }
}

/// The figures of a soak, a line each.
#[derive(Debug, Default)]
struct Table {
    text: String,
    wrong: Vec<String>,
}

impl Table {
    fn says(&mut self, what: &str, figure: impl Display + Copy) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "  {what:<46} {:>9}", figure.to_string());
    }

    /// Adds a figure that must be this one.
    fn must<T: PartialEq + Display + Copy>(&mut self, what: &str, figure: T, must: T) {
        if figure != must {
            self.wrong.push(format!("{what}: {figure}, not {must}"));
        }
        self.says(what, figure);
    }
}
