//! `taskctl`: the operator's command (docs/teardown.md).
//!
//! The map: [`cli`] is the command line; [`outputs`] and [`aws`] say where a command goes, [`deployment`] what is there,
//! [`request`] what is asked of it. [`teardown`], [`answer`], [`finish`] and [`expiry`] are the commands. [`watch`] follows an
//! execution: [`history`] and [`stack_events`] read, [`tracker`] makes steps of events, [`note`] lines of steps; [`report`]
//! is how it ended. [`render`], [`clock`], [`screen`] and [`hint`] are text; [`aws_error`] and [`failure`] are what went wrong.

mod answer;
mod aws;
mod aws_error;
mod cli;
mod clock;
mod deployment;
mod expiry;
mod failure;
mod finish;
mod hint;
mod history;
mod note;
mod outputs;
mod render;
mod report;
mod request;
mod screen;
mod stack_events;
mod teardown;
mod tracker;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    aws::Aws,
    cli::{Cli, Command, TeardownCommand},
    failure::{Exit, Failure},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    hint::remember(&cli.target);
    match run(&cli).await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            screen::err(&failure.to_string());
            failure.exit.into()
        }
    }
}

async fn run(cli: &Cli) -> Result<Exit, Failure> {
    let target = &cli.target;
    let aws = &Aws::connect(target).await?;
    match &cli.command {
        Command::Expiry(command) => expiry::expiry(aws, target, command).await,
        Command::Teardown(command) => match command {
            TeardownCommand::Plan(args) => teardown::plan(aws, target, args).await,
            TeardownCommand::Start(args) => teardown::start(aws, target, args).await,
            TeardownCommand::Watch(args) => teardown::watch(aws, target, args).await,
            TeardownCommand::Approve(args) => answer::approve(aws, target, args).await,
            TeardownCommand::Stop(args) => answer::stop(aws, target, args).await,
            TeardownCommand::Report(args) => teardown::report(aws, target, args).await,
            TeardownCommand::Finish(args) => finish::finish(aws, target, args).await,
        },
    }
}
