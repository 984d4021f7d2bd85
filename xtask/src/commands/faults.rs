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
}

impl FaultsArgs {
    /// Returns the choice in the form that the test reads.
    fn wish(&self) -> String {
        let sample = self.sample.map(|size| size.to_string());
        sample.or_else(|| self.only.clone()).unwrap_or_else(|| "all".to_owned())
    }
}

/// Runs the cases, prints how they ended, and fails when one ended in a way that it must not.
pub fn run(workspace: &Workspace, args: &FaultsArgs) -> Result<()> {
    scene::run(workspace, "faults", TEST, &[("E2E_FAULTS", &args.wish())])
}
