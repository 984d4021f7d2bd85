//! The developer's commands: `cargo xtask up`, `down`, `test`, …
//!
//! The rooms, each knowing only those before it: [`tools`] are the means of every command; [`service`] has the parts of the service
//! and deploys them anywhere; [`local`] is the local AWS and [`account`] the user's own, which do not know each other; [`commands`]
//! are the commands, one file each.

mod account;
mod commands;
#[cfg(test)]
mod documents;
mod local;
#[cfg(test)]
mod rooms;
mod service;
mod tools;

use std::process::ExitCode;

use clap::Parser as _;

use crate::commands::Cli;
use crate::tools::process::{self, Interrupted};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match process::watch_signals().and_then(|()| commands::run(&cli.command)) {
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
