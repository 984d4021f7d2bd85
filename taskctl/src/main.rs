//! `taskctl`: the operator's command (docs/teardown.md, docs/audit.md).
//!
//! The rooms, each knowing only those before it: [`terminal`] is text, [`html`] pages; [`cli`] the command line and how a command ends;
//! [`account`] the AWS account and what is deployed in it; [`follow`] an execution that runs, and [`report`] how it ended;
//! [`audit`] the records of the audit log, read and shown; [`rescue`] any stack that is stuck; [`commands`] are the commands, one
//! file each.

mod account;
mod audit;
mod cli;
mod commands;
mod follow;
mod html;
mod report;
mod rescue;
#[cfg(test)]
mod rooms;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use crate::{
    cli::{args::Cli, failure::Failure, hint},
    terminal::screen,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    hint::remember(&cli.target);
    let ended = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(commands::run(&cli));
            // A verification that a signal stopped still computes, and nobody waits for it.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Failure::failed(format!("the runtime does not start: {error}"))),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            screen::err(&failure.to_string());
            failure.exit.into()
        }
    }
}
