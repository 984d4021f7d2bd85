//! `cargo xtask bench`: what the service costs, measured with the release binaries on a local AWS of its own.
//!
//! Targets exist for what is the same on every machine: sizes, resident memory, instructions, the teardown's transitions, and the
//! seal's share of the audit function's time. Times are shown as ratios within the run.

mod consumer;
mod instructions;
mod load;
mod memory;
mod overhead;
mod peers;
mod runtime_api;
mod traffic;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use deployment::Outputs;
use serde_json::Value;

use self::consumer::Batches;
use crate::local::client::LocalAws;
use crate::local::disposable::Disposable;
use crate::service::cdk::App;
use crate::service::functions::{self, Binary};
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// A megabyte here is a million bytes.
const MB: f64 = 1e6;
const LARGEST_API: f64 = 6.0;
const LARGEST_AUTHORIZER: f64 = 4.0;
/// Instructions of the authorizer.
const MOST_INIT: u64 = 1_000_000;
const MOST_JWT: u64 = 1_500_000;
const MOST_MEMORY: f64 = 9.0;
const MOST_TRANSITIONS: usize = 60;
const AUDIT: &str = "audit";
/// The batches that the audit function is measured with, and how many percent of the records per second must be left with the seal.
const BATCHES: [(&str, Batches, f64); 2] = [
    ("in batches of 100", Batches { records: 100, count: 100, warm_up: 10 }, 70.0),
    ("singly", Batches { records: 1, count: 2_000, warm_up: 50 }, 45.0),
];

/// The options of `bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Measure only these parts [default: all]
    #[arg(value_enum)]
    parts: Vec<Part>,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Part {
    /// sizes of the programs beside which the service is measured
    Peers,
    /// sizes of the functions, instructions of the authorizer
    Functions,
    /// records per second of the audit function's processor time, with the seal and without
    Audit,
    /// memory, latencies, load and the teardown, on a local AWS
    Service,
}

/// Measures, prints the table, and fails when a target is missed.
pub fn run(workspace: &Workspace, args: &BenchArgs) -> Result<()> {
    let has = |part| args.parts.is_empty() || args.parts.contains(&part);
    let binaries = step("Functions, release", || {
        let only_audit = args.parts == [Part::Audit];
        let both = || functions::selection(&[App::Service, App::Teardown]);
        let selection = if only_audit { functions::selection_of(vec![AUDIT]) } else { both() };
        functions::build(workspace, &[&["--release"][..], &selection].concat())
    })?;
    let mut rows = Vec::new();
    if has(Part::Peers) {
        rows.extend(step("Programs to compare with, release", || sizes_of_peers(workspace))?);
    }
    if has(Part::Functions) {
        rows.extend(sizes(&binaries)?);
        rows.extend(step("Instructions of the authorizer", || instructions(&binaries))?);
    }
    if has(Part::Audit) {
        rows.extend(step("Records of the audit function", || consumer(&binaries))?);
    }
    if has(Part::Service) {
        rows.extend(service(workspace, &binaries)?);
    }
    println!("\n{}", table(&rows));
    match rows.iter().filter(|row| row.missed).count() {
        0 => Ok(()),
        count => bail!("{count} of the targets missed: see the table"),
    }
}

/// Measures the deployed service.
fn service(workspace: &Workspace, binaries: &[Binary]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let local = Disposable::new(workspace, "bench")?;
    let outputs = local.bring_up(binaries)?;
    let aws = LocalAws::new(outputs.endpoint()?);
    let api = traffic::Api::new(outputs.service()?);
    step(&format!("{} requests", traffic::REQUESTS), || api.mix())?;
    rows.push(memory(&local, &outputs)?);
    rows.extend(latencies(&step("Latencies", || api.latencies(&aws, outputs.service()?))?));
    let seconds = load::PHASE.as_secs();
    let load = step(
        &format!("{} clients, {seconds} s undisturbed and {seconds} s with faults", load::CLIENTS),
        || load::run(&aws, outputs.service()?, &api_document(workspace)?),
    )?;
    rows.extend(loads(&load));
    let run = step("One teardown, its waits at a tenth", || overhead::measure(workspace, &aws, &outputs))?;
    rows.extend(teardown(&run));
    Ok(rows)
}

/// A line of the table.
#[derive(Debug, Default)]
struct Row {
    what: String,
    figure: String,
    target: String,
    missed: bool,
}

impl Row {
    fn shown(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Self { what: what.into(), figure: figure.into(), ..Self::default() }
    }

    fn megabytes(what: impl Into<String>, found: f64, most: f64) -> Self {
        let target = format!("≤ {most:.0} MB");
        Self { target, missed: found > most, ..Self::shown(what, format!("{found:.2} MB")) }
    }

    /// A count that must be 0; `first` says what was found.
    fn none(what: impl Into<String>, count: usize, first: &str) -> Self {
        let figure = format!("{count} {first}").trim_end().to_owned();
        Self { target: "0".to_owned(), missed: count > 0, ..Self::shown(what, figure) }
    }

    fn instructions(what: impl Into<String>, found: u64, most: u64) -> Self {
        let target = format!("≤ {}", thousands(most));
        Self { target, missed: found > most, ..Self::shown(what, thousands(found)) }
    }
}

fn sizes(binaries: &[Binary]) -> Result<Vec<Row>> {
    let row = |binary: &Binary| {
        let size = fs::metadata(&binary.path)
            .with_context(|| format!("{} cannot be read", binary.path.display()))?
            .len();
        let (what, megabytes) = (format!("size of {}, stripped", binary.name), as_megabytes(size));
        Ok(match binary.name.as_str() {
            "task-api" => Row::megabytes(what, megabytes, LARGEST_API),
            "authorizer" => Row::megabytes(what, megabytes, LARGEST_AUTHORIZER),
            _ => Row::shown(what, format!("{megabytes:.2} MB")),
        })
    };
    binaries.iter().map(row).collect()
}

fn sizes_of_peers(workspace: &Workspace) -> Result<Vec<Row>> {
    let built = peers::build(workspace)?;
    let row = |(what, path): &(&str, &PathBuf)| {
        let size = fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?.len();
        Ok(Row::shown(format!("size of {what}, stripped"), format!("{:.2} MB", as_megabytes(size))))
    };
    [("the local table", &built.table), ("an empty function", &built.floor)].iter().map(row).collect()
}

fn instructions(binaries: &[Binary]) -> Result<Vec<Row>> {
    let authorizer = binaries.iter().find(|binary| binary.name == "authorizer");
    let authorizer = authorizer.context("the authorizer was not built")?;
    let Some(found) = instructions::measure(&authorizer.path)? else {
        return Ok(vec![Row::shown(
            "instructions of the authorizer",
            "not measured: valgrind is not installed",
        )]);
    };
    Ok(vec![
        Row::instructions("authorizer: init, two keys pinned", found.init, MOST_INIT),
        Row::instructions("authorizer: a JWT (RS256), its key known", found.jwt, MOST_JWT),
        Row::shown("authorizer: the first of ten static tokens", thousands(found.first_token)),
        Row::shown("authorizer: the last of them", thousands(found.last_token)),
    ])
}

fn consumer(binaries: &[Binary]) -> Result<Vec<Row>> {
    let audit =
        binaries.iter().find(|binary| binary.name == AUDIT).context("the audit function was not built")?;
    let row = |&(how, batches, least): &(&str, Batches, f64)| {
        let found = consumer::measure(&audit.path, batches)?;
        let percent = found.sealed / found.without * 100.0;
        let figure = format!("{percent:.0} % ({:.0} of {:.0})", found.sealed, found.without);
        let what = format!("audit: records per CPU second with the seal, of those without, {how}");
        Ok(Row { target: format!("≥ {least:.0} %"), missed: percent < least, ..Row::shown(what, figure) })
    };
    BATCHES.iter().map(row).collect()
}

fn memory(local: &Disposable<'_>, outputs: &Outputs) -> Result<Row> {
    let function = &outputs.service()?.task_api_function;
    let found = memory::of_function(local.folder(), function);
    let largest = found.iter().max().with_context(|| {
        format!("no process of {function} is found: its memory can be read on Linux only")
    })?;
    let what = format!("memory of task-api after {} requests (RSS)", traffic::REQUESTS);
    Ok(Row::megabytes(what, as_megabytes(*largest), MOST_MEMORY))
}

fn latencies(measured: &traffic::Latencies) -> Vec<Row> {
    let row = |(what, time): &(&str, Duration)| {
        let ratio = time.as_secs_f64() / measured.item.as_secs_f64();
        Row::shown(
            format!("{what}, median"),
            format!("{ratio:.1} × GetItem ({:.1} ms)", time.as_secs_f64() * 1e3),
        )
    };
    let calls = [
        ("one GetItem, no function", measured.item),
        ("GET /health", measured.health),
        ("GET /tasks/{id}", measured.get),
        ("GET /tasks?limit=20", measured.list),
        ("POST /tasks", measured.create),
    ];
    calls.iter().map(row).collect()
}

fn api_document(workspace: &Workspace) -> Result<Value> {
    let path = workspace.root().join("docs/openapi.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn loads(load: &load::Load) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, phase) in [("undisturbed", &load.undisturbed), ("with faults", &load.disturbed)] {
        rows.push(Row::shown(format!("load {name}: requests"), phase.requests().to_string()));
        rows.push(Row::shown(format!("load {name}: answers"), phase.by_answer()));
        let undocumented = phase.undocumented.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        rows.push(Row::none(
            format!("load {name}: undocumented answers"),
            phase.undocumented.len(),
            &undocumented,
        ));
    }
    rows.push(Row::none("load undisturbed: 5xx and broken connections", load.undisturbed.failed, ""));
    let struck = &load.disturbed.struck;
    rows.push(Row::shown(
        "load with faults: calls struck, of which each killed all processes of its function",
        format!("{}, {}", struck.calls, struck.kills),
    ));
    rows.push(Row::shown(
        "load: audit records, of which delivered again",
        format!("{}, {}", load.records, load.repeated),
    ));
    let first = load.disagreements.first().map(String::as_str).unwrap_or_default();
    rows.push(Row::none(
        "load: disagreements of clients, table and audit log",
        load.disagreements.len(),
        first,
    ));
    rows
}

fn teardown(run: &overhead::Overhead) -> Vec<Row> {
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let transitions = Row {
        target: format!("≤ {MOST_TRANSITIONS}"),
        missed: run.transitions > MOST_TRANSITIONS,
        ..Row::shown(
            format!(
                "teardown: transitions, deleting for {} s",
                run.of_wait(overhead::FOR_CLOUDFORMATION).on_aws.as_secs()
            ),
            run.transitions.to_string(),
        )
    };
    let drain = run.steps.get("Drain").copied().unwrap_or_default();
    let mut rows = vec![
        transitions,
        Row::shown("teardown: the steps' own time", seconds(run.stepping().saturating_sub(drain))),
        Row::shown("teardown: Drain (lets running requests end first)", seconds(drain)),
        Row::shown("teardown: between the steps", seconds(run.between())),
    ];
    rows.extend(run.waits.iter().map(|(name, wait)| {
        let figure = format!("{} × {} s = {}", wait.times, wait.seconds(), seconds(wait.on_aws));
        Row::shown(format!("teardown: {name}, on AWS"), figure)
    }));
    rows
}

fn thousands(count: u64) -> String {
    format!("{} k", count / 1_000)
}

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
fn as_megabytes(bytes: u64) -> f64 {
    bytes as f64 / MB
}

fn table(rows: &[Row]) -> String {
    let width =
        |column: fn(&Row) -> &str| rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0);
    let (whats, figures) = (width(|row| &row.what), width(|row| &row.figure));
    let line = |row: &Row| {
        let verdict = if row.missed { "MISSED" } else { "" };
        let line = format!("  {:<whats$}  {:<figures$}  {:<7} {verdict}", row.what, row.figure, row.target);
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Row, table};

    #[test]
    fn the_table_names_what_was_missed() {
        let rows = [
            Row::megabytes("size", 5.994, 6.0),
            Row::megabytes("memory", 9.01, 9.0),
            Row::shown("GET", "1.5 ×"),
        ];
        let expected = "  size    5.99 MB  ≤ 6 MB\n  memory  9.01 MB  ≤ 9 MB  MISSED\n  GET     1.5 ×";
        assert_eq!(table(&rows), expected);
    }
}
