//! The audit function beside one in Python: records per second of processor time, and memory, for the same batches.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::commands::bench::consumer::{self, Batches, Consumer, Run};
use crate::commands::bench::one_core::on_one_core;
use crate::commands::bench::peers::Others;
use crate::commands::bench::report::{Row, as_megabytes};

/// The batches that the audit function is measured with, and how many percent of the records per second must be left with the seal.
const BATCHES: [(&str, Batches, f64); 2] = [
    ("in batches of 100", Batches { records: 100, count: 100, warm_up: 10 }, 70.0),
    ("singly", Batches { records: 1, count: 2_000, warm_up: 50 }, 45.0),
];
/// The other sizes of batches that the one in use was chosen among.
const SIZES: [Batches; 2] =
    [Batches { records: 10, count: 300, warm_up: 20 }, Batches { records: 1_000, count: 10, warm_up: 2 }];
/// The records per second of processor time, as a multiple of Python's.
const LEAST_PYTHON: f64 = 10.0;

/// Measures the seal's share, and Python's.
pub fn measure(audit: &Path, others: &Others) -> Result<Vec<Row>> {
    on_one_core(|| measured(audit, others))
}

fn measured(audit: &Path, others: &Others) -> Result<Vec<Row>> {
    let ours = |is_sealed| Consumer { command: Command::new(audit), is_sealed };
    let python = Consumer { command: others.python("audit"), is_sealed: false };
    let consumers = [ours(false), ours(true), python];
    consumer::alike(&consumers)?;
    let mut rows = Vec::new();
    for (how, batches, least) in BATCHES {
        rows.extend(compared(how, least, consumer::measure(&consumers, batches)?));
    }
    for batches in SIZES {
        let [run] = consumer::measure(&[ours(true)], batches)?;
        let figure = format!("{:.0}, {:.1} MB", run.rate, as_megabytes(run.memory));
        let what = format!(
            "audit, in batches of {}: records per CPU second with the seal, largest memory",
            batches.records
        );
        rows.push(Row::shown(what, figure));
    }
    Ok(rows)
}

fn compared(how: &str, least: f64, [without, sealed, python]: [Run; 3]) -> [Row; 3] {
    let percent = sealed.rate / without.rate * 100.0;
    let what = |what: &str| format!("audit, {how}: {what}");
    let seal = Row::shown(
        what("records per CPU second with the seal, of those without"),
        format!("{percent:.0} % ({:.0} of {:.0})", sealed.rate, without.rate),
    );
    let memory = format!("{:.1} MB, {:.1} MB", as_megabytes(without.memory), as_megabytes(python.memory));
    [
        Row { must: format!("≥ {least:.0} %"), missed: percent < least, ..seal },
        Row::times(what("records per CPU second, of Python's"), without.rate / python.rate, LEAST_PYTHON)
            .with(&format!("Python {:.0}", python.rate)),
        Row::shown(what("largest memory, ours and Python's"), memory),
    ]
}
