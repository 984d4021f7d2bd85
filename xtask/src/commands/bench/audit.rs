//! The audit function: records per second of processor time, with the seal and without.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::commands::bench::consumer::{self, Batches, Consumer, Run};
use crate::commands::bench::report::{Row, as_megabytes};

/// The batches that the audit function is measured with, and how many percent of the records per second must be left with the seal.
const BATCHES: [(&str, Batches, f64); 2] = [
    ("in batches of 100", Batches { records: 100, count: 100, warm_up: 10 }, 70.0),
    ("singly", Batches { records: 1, count: 2_000, warm_up: 50 }, 45.0),
];

/// Measures the seal's share.
pub fn measure(audit: &Path) -> Result<Vec<Row>> {
    let ours = |is_sealed| Consumer { command: Command::new(audit), is_sealed };
    let consumers = [ours(false), ours(true)];
    let mut rows = Vec::new();
    for (how, batches, least) in BATCHES {
        rows.extend(compared(how, least, consumer::measure(&consumers, batches)?));
    }
    Ok(rows)
}

fn compared(how: &str, least: f64, [without, sealed]: [Run; 2]) -> [Row; 2] {
    let percent = sealed.rate / without.rate * 100.0;
    let what = |what: &str| format!("audit, {how}: {what}");
    let seal = Row::shown(
        what("records per CPU second with the seal, of those without"),
        format!("{percent:.0} % ({:.0} of {:.0})", sealed.rate, without.rate),
    );
    [
        Row { must: format!("≥ {least:.0} %"), missed: percent < least, ..seal },
        Row::shown(what("largest memory"), format!("{:.1} MB", as_megabytes(without.memory))),
    ]
}
