//! The programs beside which the service is measured (`xtask/bench/peers/`): a workspace of its own, and scripts in Python.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::tools::install;
use crate::tools::process;
use crate::tools::workspace::{Workspace, python_of};

/// The programs that the measurements themselves need.
#[derive(Debug)]
pub struct Peers {
    pub table: PathBuf,
    pub floor: PathBuf,
}

/// The same task service, written as others write it, and the audit function in Python.
#[derive(Debug)]
pub struct Others {
    sample: PathBuf,
    python: PathBuf,
    scripts: PathBuf,
}

/// Builds the table and the empty function.
pub fn build(workspace: &Workspace) -> Result<Peers> {
    Ok(Peers { table: release(workspace, "table")?, floor: release(workspace, "floor")? })
}

/// Builds the others.
pub fn others(workspace: &Workspace) -> Result<Others> {
    let sample = release(workspace, "sample")?;
    install::bench_venv(workspace)?;
    let (python, scripts) = (python_of(&workspace.bench_venv()), workspace.peers().join("python"));
    Ok(Others { sample, python, scripts })
}

impl Others {
    /// Makes the command that starts the sample in Rust.
    pub fn sample(&self) -> Command {
        Command::new(&self.sample)
    }

    /// Makes the command that starts a script (`plain`, `powertools` or `audit`) on Lambda's runtime for Python.
    pub fn python(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", "awslambdaric", &format!("{script}.handler")]).current_dir(&self.scripts);
        command
    }
}

/// Builds one of the workspace's programs by itself: cargo would give all of them the features that one of them wants.
fn release(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let (manifest, target) = (workspace.peers().join("Cargo.toml"), workspace.scratch().join("bench/target"));
    let mut cargo = workspace.cargo(&["build", "--release", "--locked", "--package", name]);
    cargo.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(&target);
    if !process::run(&mut cargo)? {
        bail!("cargo could not build {name}: see its messages above");
    }
    Ok(target.join("release").join(name))
}
