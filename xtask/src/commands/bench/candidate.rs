//! A task service that is measured: ours, or one of its peers.

use std::path::Path;
use std::process::Command;

use crate::commands::bench::table::{self, Table};
use crate::tools::environment::local_aws;

/// The names of the candidates.
pub const OURS: &str = "ours";
pub const SAMPLE: &str = "Rust sample";
pub const PYTHON: &str = "Python";
pub const POWERTOOLS: &str = "Powertools";

/// A program that answers the calls.
#[derive(Debug)]
pub struct Candidate {
    command: Command,
}

impl Candidate {
    pub fn ours(task_api: &Path) -> Self {
        Self::new(Command::new(task_api))
    }

    /// Makes a candidate of the command that starts it.
    pub fn new(command: Command) -> Self {
        Self { command }
    }

    /// Makes the command that starts it on a table.
    pub fn on(&self, table: &Table) -> Command {
        let mut command = Command::new(self.command.get_program());
        adopt(&mut command, &self.command);
        local_aws(&mut command, &format!("http://{}", table.http()));
        command.envs([
            ("TABLE_NAME", table::NAME),
            ("ALLOWED_ORIGINS", "*"),
            ("RATE_LIMIT_POLICY", r#""default";q=500;w=1"#),
        ]);
        command
    }
}

/// Gives a command the arguments, the folder and the variables of another.
pub fn adopt(command: &mut Command, other: &Command) {
    command.args(other.get_args());
    if let Some(folder) = other.get_current_dir() {
        command.current_dir(folder);
    }
    for (name, value) in other.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}
