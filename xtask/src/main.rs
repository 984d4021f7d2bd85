//! The developer's commands: `cargo xtask up`, `down`, `test`, …
//!
//! The map: [`workspace`] says where things are; [`process`], [`lock`], [`fingerprint`] and [`progress`] are how work is done
//! (started, one at a time, only when something changed, visibly); [`tools`] and [`install`] are what it needs. [`functions`]
//! builds, [`launcher`] is the local AWS as processes, [`cdk`] deploys ([`log_role`] first looks after the account's one setting),
//! and [`stack`] puts them together for [`up`] and [`test`]. [`aws`] does the same on a real account,
//! where [`verify`] checks what nothing else can prove.

mod aws;
mod bench;
mod cdk;
mod checks;
mod disposable;
mod environment;
mod faults;
mod fingerprint;
mod follow;
mod functions;
mod http;
mod install;
mod launcher;
mod lint;
mod lock;
mod log_role;
mod outputs;
mod principals;
mod process;
mod progress;
mod scene;
mod stack;
mod stuck_demo;
mod teardown;
mod test;
#[cfg(test)]
mod testing;
mod token;
mod tools;
mod up;
mod verify;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::process::Interrupted;
use crate::workspace::Workspace;

/// The developer's commands of the task service
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the service up on a local AWS and say how to call it; changes only what changed since the last time
    Up(up::UpArgs),
    /// Stop the local AWS and everything it started
    Down,
    /// Run every check: format, clippy, unit tests, template tests, and the whole service on a local AWS of its own
    Test(test::TestArgs),
    /// Measure sizes, memory, latencies and the teardown's overhead with the release binaries, on a local AWS of its own
    Bench,
    /// Let every AWS call of a teardown fail in every way, on a local AWS of its own, and say how each run ended
    Faults(faults::FaultsArgs),
    /// Make a stack that nothing can delete any more, on a local AWS of its own, and remove it with the teardown workflow
    StuckDemo,
    /// Format the Rust sources
    Fmt,
    /// Check statically: format, clippy, template, dependencies' licences and sources
    Lint(lint::LintArgs),
    /// Deploy to an AWS account
    Deploy(aws::DeployArgs),
    /// Deploy the workflow that removes services to an AWS account, with your own credentials
    DeployTeardown(teardown::DeployTeardownArgs),
    /// Delete the stack from an AWS account
    Destroy(aws::DestroyArgs),
    /// Check on an AWS account what nothing else can prove, on a throw-away stage, and remove it again
    VerifyAws(verify::VerifyArgs),
    /// Make a token for a caller of the deployed service; the principals file gets its hash only
    Token(token::TokenArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("{error}");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("\nerror: {error}");
            error.chain().skip(1).for_each(|cause| eprintln!("because: {cause}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    let workspace = Workspace::find()?;
    process::watch_signals()?;
    match command {
        Command::Up(args) => up::up(&workspace, args),
        Command::Down => up::down(&workspace),
        Command::Test(args) => test::test(&workspace, args),
        Command::Bench => bench::bench(&workspace),
        Command::Faults(args) => faults::faults(&workspace, args),
        Command::StuckDemo => stuck_demo::stuck_demo(&workspace),
        Command::Fmt => lint::fmt(&workspace),
        Command::Lint(args) => lint::lint(&workspace, args),
        Command::Deploy(args) => aws::deploy(&workspace, args),
        Command::DeployTeardown(args) => teardown::deploy(&workspace, args),
        Command::Destroy(args) => aws::destroy(&workspace, args),
        Command::VerifyAws(args) => verify::verify(&workspace, args),
        Command::Token(args) => token::token(&workspace, args),
    }
}
