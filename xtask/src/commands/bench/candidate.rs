//! A task service that is measured: ours, or one of its peers.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::commands::bench::instance::Instance;
use crate::commands::bench::peers::Others;
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
    pub name: &'static str,
    command: Command,
}

impl Candidate {
    pub fn ours(task_api: &Path) -> Self {
        Self { name: OURS, command: Command::new(task_api) }
    }

    /// Returns ours and all the others.
    pub fn all(task_api: &Path, others: &Others) -> [Self; 4] {
        [
            Self::ours(task_api),
            Self { name: SAMPLE, command: others.sample() },
            Self { name: PYTHON, command: others.python("plain") },
            Self { name: POWERTOOLS, command: others.python("powertools") },
        ]
    }

    /// Makes the command that starts it on a table.
    pub fn on(&self, table: &Table) -> Command {
        self.at(&format!("http://{}", table.http()))
    }

    /// The same over TLS; it trusts the table's certificate alone. The SDK's own client for Rust knows only the second variable.
    pub fn over_tls(&self, table: &Table) -> Result<Command> {
        let (address, certificate) = table.https()?;
        let mut command = self.at(&format!("https://{address}"));
        command.env("AWS_CA_BUNDLE", certificate).env("SSL_CERT_FILE", certificate);
        Ok(command)
    }

    /// Starts it on a table.
    pub fn start(&self, table: &Table) -> Result<Instance> {
        Instance::start(&mut self.on(table), "task-api")
    }

    fn at(&self, endpoint: &str) -> Command {
        let mut command = Command::new(self.command.get_program());
        adopt(&mut command, &self.command);
        local_aws(&mut command, endpoint);
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
