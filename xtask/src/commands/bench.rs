//! `cargo xtask bench`: what the service costs, measured with the release binaries.
//!
//! Targets that fail the command exist for what is the same on every machine: sizes, resident memory, instructions, the teardown's
//! transitions, and ratios of processor time within the run. Times of the clock are shown.

mod alike;
mod audit;
mod calls;
mod candidate;
mod consumer;
mod cost;
mod functions;
mod gates;
mod growth;
mod instance;
mod instructions;
mod load;
mod memory;
mod overhead;
mod page;
mod peers;
mod picture;
mod report;
mod runtime_api;
mod service;
mod table;
mod traffic;
mod valgrind;
mod wire;

use std::path::Path;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use self::candidate::Candidate;
use self::functions::{AUDIT, AUTHORIZER, TASK_API, named};
use self::page::Measured;
use self::peers::Peers;
use self::report::Row;
use self::table::Table;
use crate::service::cdk::App;
use crate::service::functions::{Binary, build, selection, selection_of};
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// The options of `bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Measure only these parts [default: all but the gates]
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Write what is measured into docs/performance.md, or with `gates` into their file
    #[arg(long)]
    write: bool,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// sizes of the functions, instructions of each path through them
    Functions,
    /// records per second of the audit function's processor time, with the seal and without
    Audit,
    /// a page of a list of 1,000, 100,000 and a million tasks
    Growth,
    /// memory, latencies, load and the teardown, on a local AWS
    Service,
    /// that the services which are compared answer alike
    Peers,
    /// sizes and instructions against `xtask/bench/gates.json`, as CI does; a miss names the crates that grew
    Gates,
}

impl Part {
    const MEASURED: [Self; 4] = [Self::Functions, Self::Audit, Self::Growth, Self::Service];

    /// Returns the heading of its table on the page.
    fn title(self) -> &'static str {
        match self {
            Self::Functions => "Sizes and instructions",
            Self::Audit => "Audit function",
            Self::Growth => "A page of ever longer lists",
            Self::Service => "The deployed service",
            Self::Peers => "Services that are compared",
            Self::Gates => "Gates",
        }
    }
}

/// The programs that are measured.
struct Programs {
    binaries: Vec<Binary>,
    peers: Peers,
}

impl Programs {
    fn build(workspace: &Workspace, parts: &[Part]) -> Result<Self> {
        let selection = if parts.contains(&Part::Service) {
            selection(&[App::Service, App::Teardown])
        } else {
            selection_of(vec![TASK_API, AUTHORIZER, AUDIT])
        };
        let options = [&["--release"][..], &selection].concat();
        let binaries = step("Functions, release", || build(workspace, &options))?;
        let peers = step("Table and empty function, release", || peers::build(workspace))?;
        Ok(Self { binaries, peers })
    }

    fn path(&self, function: &str) -> Result<&Path> {
        Ok(&named(&self.binaries, function)?.path)
    }
}

/// Measures, prints the table, and fails when a target is missed.
pub fn run(workspace: &Workspace, args: &BenchArgs) -> Result<()> {
    let parts = if args.parts.is_empty() { &Part::MEASURED[..] } else { &args.parts };
    let programs = Programs::build(workspace, parts)?;
    let (mut rows, mut measured) = (Vec::new(), Measured::read(workspace)?);
    for part in parts {
        if *part == Part::Gates {
            rows.extend(gates(workspace, &programs, args.write)?);
            continue;
        }
        if *part == Part::Peers {
            rows.push(alike(workspace, &programs)?);
            continue;
        }
        let of_part = measure(workspace, *part, &programs, &mut measured)?;
        measured.put(*part, of_part.clone());
        rows.extend(of_part);
    }
    if args.write {
        measured.write(workspace)?;
    }
    println!("\n{}", report::table(&rows));
    match rows.iter().filter(|row| row.fails()).count() {
        0 => Ok(()),
        count => bail!("{count} of the targets missed: see the table"),
    }
}

fn measure(
    workspace: &Workspace,
    part: Part,
    programs: &Programs,
    measured: &mut Measured,
) -> Result<Vec<Row>> {
    let table = &programs.peers.table;
    match part {
        Part::Functions => {
            functions::measure(&programs.binaries, &programs.peers, &mut measured.instructions)
        }
        Part::Audit => step("Records of the audit function", || audit::measure(programs.path(AUDIT)?)),
        Part::Growth => {
            measured.growth = growth::measure(&Candidate::ours(programs.path(TASK_API)?), table)?;
            Ok(growth::rows(&measured.growth))
        }
        Part::Service => service::measure(workspace, &programs.binaries),
        Part::Peers | Part::Gates => Ok(Vec::new()),
    }
}

/// Holds the services that are compared to the same answers.
fn alike(workspace: &Workspace, programs: &Programs) -> Result<Row> {
    let others = step("Services to compare with", || peers::others(workspace))?;
    let candidates = [
        (candidate::OURS, Candidate::ours(programs.path(TASK_API)?)),
        (candidate::SAMPLE, Candidate::new(others.sample())),
        (candidate::PYTHON, Candidate::new(others.python("plain"))),
        (candidate::POWERTOOLS, Candidate::new(others.python("powertools"))),
    ];
    let table = Table::start(&programs.peers.table)?;
    step("What one service writes, the others read alike", || alike::check(&candidates, &table))?;
    Ok(Row::shown("services that answer alike", candidates.len().to_string()))
}

fn gates(workspace: &Workspace, programs: &Programs, write: bool) -> Result<Vec<Row>> {
    let (binaries, table) = (&programs.binaries, &programs.peers.table);
    if write {
        gates::write(workspace, binaries, table)?;
    }
    gates::check(workspace, binaries, table)
}
