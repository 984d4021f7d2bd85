//! `cargo xtask soak`: the end-to-end test of that name with as many changes as one has time for, on a local AWS of its own.

use anyhow::Result;
use clap::Args;

use crate::commands::test;
use crate::local::disposable::Disposable;
use crate::service::functions;
use crate::tools::checks::succeed;
use crate::tools::workspace::Workspace;

/// The options of `soak`.
#[derive(Args, Debug)]
pub struct SoakArgs {
    /// Changes that the clients make
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    changes: u32,
    /// Clients at a time
    #[arg(long, value_name = "N", default_value_t = 20)]
    clients: u32,
    /// The most minutes of changes, however many there were
    #[arg(long, value_name = "N", default_value_t = 60)]
    minutes: u32,
}

/// Runs it and shows its table. Fails if anything is lost, doubled, out of order, or not vouched for by the seal.
pub fn run(workspace: &Workspace, args: &SoakArgs) -> Result<()> {
    let binaries = functions::build(workspace, &["--workspace", "--bins", "--tests"])?;
    let local = Disposable::new(workspace, "soak")?;
    let outputs = local.bring_up(&binaries)?;
    let mut command = test::e2e_tests(workspace, &outputs, &local.outputs_file(), local.folder())?;
    command.args(["--", "soak::", "--nocapture"]);
    let sizes =
        [("SOAK_CHANGES", args.changes), ("SOAK_CLIENTS", args.clients), ("SOAK_MINUTES", args.minutes)];
    command.envs(sizes.map(|(name, size)| (name, size.to_string())));
    succeed(&mut command, "cargo test")
}
