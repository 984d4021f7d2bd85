//! The functions by themselves: sizes of their binaries, and instructions of each path, beside a function that does nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::commands::bench::candidate::{Candidate, OURS};
use crate::commands::bench::instructions::{self, Counts, INIT, TIMES};
use crate::commands::bench::peers::Peers;
use crate::commands::bench::report::{Row, as_megabytes, thousands};
use crate::commands::bench::table::Table;
use crate::commands::bench::valgrind::{self, Meter};
use crate::service::functions::Binary;
use crate::tools::progress::step;

pub const TASK_API: &str = "task-api";
pub const AUTHORIZER: &str = "authorizer";
pub const AUDIT: &str = "audit";
/// The name of the empty function among the programs.
pub const NOTHING: &str = "nothing";
/// The largest binaries, in megabytes.
const SIZES: [(&str, f64); 2] = [(TASK_API, 5.5), (AUTHORIZER, 4.0)];
/// The most instructions of a path.
const MOST: [(&str, &str, u64); 12] = [
    (TASK_API, INIT, 1_500_000),
    (TASK_API, "GET", 620_000),
    (TASK_API, "create", 680_000),
    (TASK_API, "update", 780_000),
    (TASK_API, "delete", 1_120_000),
    (TASK_API, "list 20", 1_200_000),
    (TASK_API, "list 100", 2_900_000),
    (AUDIT, INIT, 1_500_000),
    (AUTHORIZER, INIT, 600_000),
    (AUTHORIZER, "init, two keys pinned", 1_000_000),
    (AUTHORIZER, "last of ten tokens", 140_000),
    (AUTHORIZER, "JWT", 1_500_000),
];

/// Instructions by program and path.
pub type Found = BTreeMap<String, BTreeMap<String, u64>>;

/// Measures sizes and instructions.
pub fn measure(binaries: &[Binary], peers: &Peers, found: &mut Found) -> Result<Vec<Row>> {
    let mut rows = binaries.iter().map(size).collect::<Result<Vec<_>>>()?;
    let meter = Meter::total();
    let counts = step("Instructions of the functions", || count(&meter, binaries, &peers.table))?;
    for (function, counts) in &counts {
        rows.extend(counts.iter().map(|(path, cost)| row(function, path, cost.instructions())));
        if *function == TASK_API {
            note(found, OURS, counts);
        }
    }
    let warmed = step("Instructions of a start with its warm-up", || warmed(binaries, &peers.table))?;
    rows.push(Row::shown(format!("{TASK_API}: init, warmed up"), thousands(warmed)));
    let floor = instructions::of_floor(&meter, &peers.floor)?;
    rows.extend(floor.iter().map(|(path, cost)| row("an empty function", path, cost.instructions())));
    note(found, NOTHING, &floor);
    Ok(rows)
}

/// Counts the instructions of the peers. One call of them is many of ours, so a few are enough.
pub fn peers(candidates: &[Candidate], table: &Path, found: &mut Found) -> Result<Vec<Row>> {
    const FEW: usize = 5;
    valgrind::check()?;
    let mut rows = Vec::new();
    for candidate in candidates.iter().filter(|candidate| candidate.name != OURS) {
        let mut table = Table::start(table, None)?;
        let counts = step(&format!("Instructions of {}", candidate.name), || {
            instructions::of_service(&Meter::total(), candidate, &mut table, FEW)
        })?;
        rows.extend(counts.iter().map(|(path, cost)| row(candidate.name, path, cost.instructions())));
        note(found, candidate.name, &counts);
    }
    Ok(rows)
}

fn note(found: &mut Found, program: &str, counts: &Counts) {
    let paths = counts.iter().map(|(path, cost)| (path.clone(), cost.instructions()));
    found.insert(program.to_owned(), paths.collect());
}

/// Counts the instructions of the functions' paths.
pub fn count(meter: &Meter, binaries: &[Binary], table: &Path) -> Result<Vec<(&'static str, Counts)>> {
    valgrind::check()?;
    let mut table = Table::start(table, None)?;
    let task_api = Candidate::ours(&named(binaries, TASK_API)?.path);
    Ok(vec![
        (TASK_API, instructions::of_service(meter, &task_api, &mut table, TIMES)?),
        (AUDIT, instructions::of_audit(meter, &named(binaries, AUDIT)?.path)?),
        (AUTHORIZER, instructions::of_authorizer(meter, &named(binaries, AUTHORIZER)?.path)?),
    ])
}

fn warmed(binaries: &[Binary], table: &Path) -> Result<u64> {
    let table = Table::start(table, None)?;
    let task_api = Candidate::ours(&named(binaries, TASK_API)?.path);
    valgrind::count_warmed(&task_api.on(&table), TASK_API)
}

pub fn named<'a>(binaries: &'a [Binary], name: &str) -> Result<&'a Binary> {
    binaries.iter().find(|binary| binary.name == name).with_context(|| format!("{name} was not built"))
}

/// Returns a binary's size in bytes.
pub fn bytes(binary: &Binary) -> Result<u64> {
    let found = fs::metadata(&binary.path);
    Ok(found.with_context(|| format!("{} cannot be read", binary.path.display()))?.len())
}

fn size(binary: &Binary) -> Result<Row> {
    let (what, megabytes) = (format!("{}: size, stripped", binary.name), as_megabytes(bytes(binary)?));
    let most = SIZES.iter().find(|(name, _)| *name == binary.name);
    Ok(match most {
        Some((_, most)) => Row::megabytes(what, megabytes, *most),
        None => Row::shown(what, format!("{megabytes:.2} MB")),
    })
}

fn row(function: &str, path: &str, count: u64) -> Row {
    let what = format!("{function}: {path}");
    match MOST.iter().find(|most| (most.0, most.1) == (function, path)) {
        Some((.., most)) => Row::instructions(what, count, *most),
        None => Row::shown(what, thousands(count)),
    }
}
