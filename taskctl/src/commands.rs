//! The commands, one file each.

mod approve;
mod audit;
mod expiry;
mod finish;
mod manual;
mod plan;
mod report;
mod rescue;
mod start;
mod stop;
mod undo;
mod watch;

use crate::{
    account::clients::Aws,
    cli::{
        args::{Cli, Command, TeardownCommand},
        failure::{Exit, Failure},
    },
};

/// Runs the command that was typed.
pub async fn run(cli: &Cli) -> Result<Exit, Failure> {
    let target = &cli.target;
    if let Command::Audit(args) = &cli.command
        && let Some(offline) = audit::offline(args)
    {
        return offline;
    }
    match &cli.command {
        Command::Completions { shell } => return Ok(manual::completions(*shell)),
        Command::Man { folder } => return manual::man(folder),
        Command::Audit(_) | Command::Expiry(_) | Command::Rescue(_) | Command::Teardown(_) => {}
    }
    let aws = &Aws::connect(target).await?;
    match &cli.command {
        // Answered above.
        Command::Completions { .. } | Command::Man { .. } => Ok(Exit::Success),
        Command::Audit(args) => audit::run(aws, args).await,
        Command::Expiry(command) => expiry::run(aws, target, command).await,
        Command::Rescue(command) => rescue::run(aws, command).await,
        Command::Teardown(command) => match command {
            TeardownCommand::Plan(args) => plan::run(aws, target, args).await,
            TeardownCommand::Start(args) => start::run(aws, target, args).await,
            TeardownCommand::Watch(args) => watch::run(aws, target, args).await,
            TeardownCommand::Approve(args) => approve::run(aws, target, args).await,
            TeardownCommand::Stop(args) => stop::run(aws, target, args).await,
            TeardownCommand::Undo(args) => undo::run(aws, target, args).await,
            TeardownCommand::Report(args) => report::run(aws, target, args).await,
            TeardownCommand::Finish(args) => finish::run(aws, target, args).await,
        },
    }
}
