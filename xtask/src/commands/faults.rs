//! `cargo xtask faults`: every AWS call of a teardown fails in every way, on a local AWS of its own. The scenario, its verdicts
//! and its table are a test of the package `e2e` (`tests/e2e/teardown/every_call.rs`), which `test` runs a sample of.

use anyhow::Result;
use clap::Args;

use crate::local::scene;
use crate::tools::workspace::Workspace;

const TEST: &str =
    "teardown::every_call::every_call_with_every_fault_ends_gone_or_as_before_and_a_restart_ends_gone";

/// The options of `faults`.
#[derive(Args, Debug)]
pub struct FaultsArgs {
    /// Run only this many cases, spread evenly [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
    /// Run only the cases with this in their names, such as 'iam' or '(call 2) Denied'
    #[arg(long, value_name = "TEXT", conflicts_with = "sample")]
    only: Option<String>,
    /// Run every case of one part of the calls, such as 2/3: a local AWS slows down with the cases it has had
    #[arg(long, value_name = "K/N", conflicts_with_all = ["sample", "only"], value_parser = part)]
    part: Option<String>,
}

/// Reads `K/N` with 1 ≤ K ≤ N.
fn part(text: &str) -> Result<String, String> {
    let numbers =
        text.split_once('/').and_then(|(k, n)| Some((k.parse::<u32>().ok()?, n.parse::<u32>().ok()?)));
    match numbers {
        Some((k, n)) if (1..=n).contains(&k) => Ok(text.to_owned()),
        _ => Err("a part is K/N with K from 1 to N, such as 2/3".to_owned()),
    }
}

impl FaultsArgs {
    /// Returns the choice in the form that the test reads.
    fn wish(&self) -> String {
        let sample = self.sample.map(|size| size.to_string());
        let chosen = sample.or_else(|| self.only.clone()).or_else(|| self.part.clone());
        chosen.unwrap_or_else(|| "all".to_owned())
    }
}

/// Runs the cases, prints how they ended, and fails when one ended in a way that it must not.
pub fn run(workspace: &Workspace, args: &FaultsArgs) -> Result<()> {
    scene::run(workspace, "faults", TEST, &[("E2E_FAULTS", &args.wish())])
}
