//! `cargo xtask fuzz`: more of what `test` does with a few examples, and other ones each time: made-up events, cursors, patches
//! and tokens, and made-up requests to the service on a local AWS of its own.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Args;

use crate::commands::clients;
use crate::local::disposable::Disposable;
use crate::service::functions;
use crate::tools::checks::{self, Check, succeed};
use crate::tools::workspace::Workspace;

/// The cases of each property for every minute asked for.
const CASES_PER_MINUTE: u32 = 10_000;
/// The examples that Schemathesis makes of each operation for every minute asked for.
const EXAMPLES_PER_MINUTE: u32 = 50;

/// The options of `fuzz`.
#[derive(Args, Debug)]
pub struct FuzzArgs {
    /// About how long the requests last: 50 examples per operation and minute; the properties get 10,000 cases for each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    minutes: u32,
}

/// Runs both, even when the first one fails.
pub fn run(workspace: &Workspace, args: &FuzzArgs) -> Result<()> {
    checks::run(&[
        Check::new("properties", || properties(workspace, args.minutes * CASES_PER_MINUTE)),
        Check::new("requests", || {
            let disposable = Disposable::new(workspace, "fuzz")?;
            let binaries = functions::build(workspace, &["--workspace", "--bins", "--tests"])?;
            let outputs = disposable.bring_up(&binaries)?;
            // Another seed each time; Schemathesis prints it.
            let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
            clients::strangers(workspace, outputs.service()?, args.minutes * EXAMPLES_PER_MINUTE, seed)
        }),
    ])
}

/// Runs the property tests, and the few others that cargo cannot tell from them.
fn properties(workspace: &Workspace, cases: u32) -> Result<()> {
    // Of these crates only: the others have no properties, and compile for long.
    let mut command = workspace.cargo(&["test", "-p", "tasks", "-p", "seal", "-p", "authorizer", "--lib"]);
    command.args(["--test", "tokens"]);
    succeed(command.env("PROPTEST_CASES", cases.to_string()), "cargo test")
}
