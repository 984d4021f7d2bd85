//! The first answer: from the start of a process, and after a start that had its time to warm up.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::commands::bench::calls::Call;
use crate::commands::bench::candidate::{Candidate, OURS, PYTHON};
use crate::commands::bench::instance::Instance;
use crate::commands::bench::one_core::on_one_core;
use crate::commands::bench::report::Row;
use crate::commands::bench::table::Table;
use crate::commands::bench::traffic::median;

/// The processes that are started of each kind, and the warm calls that a first one is compared with.
const STARTS: usize = 15;
const WARM: usize = 5;
/// The first answer over TLS, in milliseconds, and Python's as a multiple of it.
const MOST_TLS: f64 = 5.0;
const LEAST_FASTER: f64 = 40.0;
/// The first call after a warm start, as a multiple of a warm call.
const MOST_FIRST: f64 = 1.3;

/// Measures all candidates; `folder` is for the table's certificate.
pub fn measure(candidates: &[Candidate], table: &Path, folder: &Path) -> Result<Vec<Row>> {
    on_one_core(|| {
        let table = Table::start(table, Some(folder))?;
        let mut rows = firsts(candidates, &table)?;
        let ours = candidates.iter().find(|candidate| candidate.name == OURS).context("ours is missing")?;
        for (how, mut command) in [("plain", ours.on(&table)), ("TLS", ours.over_tls(&table)?)] {
            let ratio = first_of_warm(&mut command)?;
            let what = format!("first call after a warm start, of a warm call, {how}");
            rows.push(Row::at_most_times(what, ratio, MOST_FIRST).time());
        }
        Ok(rows)
    })
}

/// Measures from a process's start until its first answer, the candidates in turn.
fn firsts(candidates: &[Candidate], table: &Table) -> Result<Vec<Row>> {
    let mut times = BTreeMap::<(&str, &str), Vec<Duration>>::new();
    for _ in 0..STARTS {
        for candidate in candidates {
            for (how, mut command) in [("plain", candidate.on(table)), ("TLS", candidate.over_tls(table)?)] {
                let first = first(&mut command).with_context(|| format!("{} failed", candidate.name))?;
                times.entry((candidate.name, how)).or_default().push(first);
            }
        }
    }
    let medians: BTreeMap<_, _> =
        times.into_iter().map(|(key, times)| (key, median(times).as_secs_f64() * 1e3)).collect();
    let row = |(&(name, how), &time): (&(&str, &str), &f64)| {
        let row = Row::shown(format!("{name}: start to first answer, {how}"), format!("{time:.1} ms"));
        if (name, how) != (OURS, "TLS") {
            return row;
        }
        Row { must: format!("≤ {MOST_TLS} ms"), missed: time > MOST_TLS, ..row }.time()
    };
    let mut rows: Vec<_> = medians.iter().map(row).collect();
    let of = |name| medians.get(&(name, "TLS")).copied().context("a start was not measured");
    let ratio = of(PYTHON)? / of(OURS)?;
    rows.push(Row::times("Python's first answer over TLS, of ours", ratio, LEAST_FASTER).time());
    Ok(rows)
}

fn first(command: &mut Command) -> Result<Duration> {
    let began = Instant::now();
    let answer = Call::Get.make(&mut Instance::start(command, "task-api")?, 0)?;
    Ok(answer.arrived - began)
}

/// Returns the first call after a start that has settled, as a multiple of a later call after as long a pause: the median of several
/// starts.
fn first_of_warm(command: &mut Command) -> Result<f64> {
    let mut ratios = Vec::new();
    for _ in 0..STARTS {
        let mut instance = Instance::start(command, "task-api")?;
        instance.ready()?;
        instance.settle()?;
        let first = Call::Get.make(&mut instance, 0)?.took;
        let mut after_a_pause = || {
            instance.settle()?;
            Ok(Call::Get.make(&mut instance, 0)?.took)
        };
        let warm = (0..WARM).map(|_| after_a_pause()).collect::<Result<Vec<_>>>()?;
        ratios.push(first.as_secs_f64() / median(warm).as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    ratios.get(STARTS / 2).copied().context("no start was measured")
}
