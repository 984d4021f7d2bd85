//! `cargo xtask bench`: what the service costs, measured with the release binaries.
//!
//! Targets that fail the command exist for what is the same on every machine: sizes, resident memory, instructions, the teardown's
//! transitions, and ratios of processor time within the run. Times of the clock are shown.

mod alike;
mod audit;
mod calls;
mod candidate;
mod cold;
mod consumer;
mod cost;
mod functions;
mod gates;
mod growth;
mod instance;
mod instructions;
mod latency;
mod load;
mod memory;
mod one_core;
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

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use self::candidate::Candidate;
use self::functions::{AUDIT, AUTHORIZER, TASK_API, named};
use self::page::Measured;
use self::peers::{Others, Peers};
use self::report::Row;
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
    /// instructions of a sample in Rust and of two task services in Python, which must answer alike
    Peers,
    /// time and processor time of each call, beside a sample in Rust and two task services in Python
    Latency,
    /// time from a process's start to its first answer, beside the same
    Cold,
    /// records per second of the audit function's processor time, with the seal and without, beside one in Python
    Audit,
    /// a page of a list of 1,000, 100,000 and a million tasks
    Growth,
    /// memory, latencies, load and the teardown, on a local AWS
    Service,
    /// sizes and instructions against `xtask/bench/gates.json`, as CI does; a miss names the crates that grew
    Gates,
}

impl Part {
    const MEASURED: [Self; 7] =
        [Self::Functions, Self::Peers, Self::Latency, Self::Cold, Self::Audit, Self::Growth, Self::Service];

    /// Returns the heading of its table on the page.
    fn title(self) -> &'static str {
        match self {
            Self::Functions => "Sizes and instructions",
            Self::Peers => "Instructions of the peers",
            Self::Latency => "Time and processor time of a call",
            Self::Cold => "First answer",
            Self::Audit => "Audit function",
            Self::Growth => "A page of ever longer lists",
            Self::Service => "The deployed service",
            Self::Gates => "Gates",
        }
    }
}

/// The programs that are measured.
struct Programs {
    binaries: Vec<Binary>,
    peers: Peers,
    /// Only for the parts that compare with them.
    others: Option<Others>,
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
        let compares = [Part::Peers, Part::Latency, Part::Cold, Part::Audit];
        let others = compares.iter().any(|part| parts.contains(part));
        let others = others.then(|| step("Peers", || peers::others(workspace))).transpose()?;
        Ok(Self { binaries, peers, others })
    }

    fn others(&self) -> Result<&Others> {
        self.others.as_ref().context("the peers were not built")
    }

    fn path(&self, function: &str) -> Result<&Path> {
        Ok(&named(&self.binaries, function)?.path)
    }

    fn candidates(&self) -> Result<[Candidate; 4]> {
        Ok(Candidate::all(self.path(TASK_API)?, self.others()?))
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
        Part::Peers => {
            let candidates = programs.candidates()?;
            step("What one service writes, the others read alike", || alike::check(&candidates, table))?;
            functions::peers(&candidates, table, &mut measured.instructions)
        }
        Part::Latency => step("Latencies", || latency::measure(&programs.candidates()?, table)),
        Part::Cold => {
            let folder = workspace.scratch().join("bench/tls");
            step("First answers", || cold::measure(&programs.candidates()?, table, &folder))
        }
        Part::Audit => step("Records of the audit function", || {
            audit::measure(programs.path(AUDIT)?, programs.others()?)
        }),
        Part::Growth => {
            measured.growth = growth::measure(&Candidate::ours(programs.path(TASK_API)?), table)?;
            Ok(growth::rows(&measured.growth))
        }
        Part::Service => service::measure(workspace, &programs.binaries),
        Part::Gates => Ok(Vec::new()),
    }
}

fn gates(workspace: &Workspace, programs: &Programs, write: bool) -> Result<Vec<Row>> {
    let (binaries, table) = (&programs.binaries, &programs.peers.table);
    if write {
        gates::write(workspace, binaries, table)?;
    }
    gates::check(workspace, binaries, table)
}
