//! The commands, one file each.

mod bench;
mod clients;
mod cost;
mod deploy;
mod deploy_teardown;
mod destroy;
mod down;
mod faults;
mod fmt;
mod fuzz;
mod lint;
mod scale;
mod soak;
mod stuck_demo;
mod test;
mod token;
mod up;
mod verify_aws;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::tools::workspace::Workspace;

/// The developer's commands of the task service
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the service, then the teardown workflow, up on a local AWS, and print calls to paste; redoes only what changed
    Up(up::UpArgs),
    /// Stop the local AWS and everything it started; its tasks are gone
    Down,
    /// Run every check: format, clippy, unit tests, template tests, and the whole service on a local AWS of its own
    Test(test::TestArgs),
    /// Measure the release binaries: sizes, instructions, times beside their peers, and the service and a teardown on a local AWS of
    /// its own
    Bench(bench::BenchArgs),
    /// Print what the service costs on AWS: per million calls, per idle month, and beside other designs
    Cost(cost::CostArgs),
    /// Simulate what gives first at 10, 1,000 and 100,000 changes a second, with AWS's quotas
    Scale(scale::ScaleArgs),
    /// Let many clients change tasks while functions crash and services fail, on a local AWS of its own, and hold the audit log and
    /// its seal to what the clients were told
    Soak(soak::SoakArgs),
    /// Let every AWS call of a teardown fail in every way, on a local AWS of its own, and say how each run ended
    Faults(faults::FaultsArgs),
    /// Make a stack that nothing can delete any more, on a local AWS of its own, and remove it with the teardown workflow
    StuckDemo,
    /// Try made-up events, cursors, patches and tokens, and made-up requests to a local AWS of its own, for longer than `test` does
    Fuzz(fuzz::FuzzArgs),
    /// Format the Rust sources
    Fmt,
    /// Run the static checks: format, picture, the API's document, clippy, template, and the dependencies' licences and sources (cargo-deny)
    Lint(lint::LintArgs),
    /// Deploy the service to an AWS account
    Deploy(deploy::DeployArgs),
    /// Deploy the workflow that removes services to an AWS account, with your own credentials
    DeployTeardown(deploy_teardown::DeployTeardownArgs),
    /// Delete a stage's stack from an AWS account, without proof; its audit log and CDK's bootstrap stay
    Destroy(destroy::DestroyArgs),
    /// Check on an AWS account what nothing else can prove, on a throw-away stage, and remove it again
    VerifyAws(verify_aws::VerifyArgs),
    /// Make a token for a caller of the deployed service; the principals file gets its hash only
    Token(token::TokenArgs),
}

/// Runs the command that was typed.
pub fn run(command: &Command) -> Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Up(args) => up::run(&workspace, args),
        Command::Down => down::run(&workspace),
        Command::Test(args) => test::run(&workspace, args),
        Command::Bench(args) => bench::run(&workspace, args),
        Command::Cost(args) => cost::run(&workspace, args),
        Command::Scale(args) => scale::run(&workspace, args),
        Command::Soak(args) => soak::run(&workspace, args),
        Command::Faults(args) => faults::run(&workspace, args),
        Command::StuckDemo => stuck_demo::run(&workspace),
        Command::Fuzz(args) => fuzz::run(&workspace, args),
        Command::Fmt => fmt::run(&workspace),
        Command::Lint(args) => lint::run(&workspace, args),
        Command::Deploy(args) => deploy::run(&workspace, args),
        Command::DeployTeardown(args) => deploy_teardown::run(&workspace, args),
        Command::Destroy(args) => destroy::run(&workspace, args),
        Command::VerifyAws(args) => verify_aws::run(&workspace, args),
        Command::Token(args) => token::run(&workspace, args),
    }
}
