//! The programs beside which the service is measured (`xtask/bench/peers/`), a workspace of their own.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::tools::process;
use crate::tools::workspace::Workspace;

/// What the measurements themselves need.
#[derive(Debug)]
pub struct Peers {
    pub table: PathBuf,
    pub floor: PathBuf,
}

/// Builds the table and the empty function.
pub fn build(workspace: &Workspace) -> Result<Peers> {
    Ok(Peers { table: release(workspace, "table")?, floor: release(workspace, "floor")? })
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
