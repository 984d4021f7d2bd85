//! A local AWS for a rehearsal: bootstrapped, empty, stopped when dropped.

use anyhow::{Context, Result};
use std::fs;

use crate::local::launcher::Launcher;
use crate::service::cdk::{Cdk, Target};
use crate::tools::install;
use crate::tools::lock::Lock;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// Owns the local AWS in `.local/verify/local/`.
pub struct Rehearsed {
    pub endpoint: String,
    launcher: Launcher,
    _lock: Lock,
}

impl Drop for Rehearsed {
    fn drop(&mut self) {
        if let Err(error) = self.launcher.stop() {
            eprintln!("error: {error:#}");
        }
    }
}

/// Starts it from nothing.
pub fn start(workspace: &Workspace) -> Result<Rehearsed> {
    install::local_venv(workspace)?;
    let folder = workspace.scratch().join("verify/local");
    let lock = Lock::wait(&workspace.scratch().join("verify.lock"), "another rehearsal")?;
    let launcher = Launcher::new(folder.join("aws"), folder.join("local-aws.log"));
    launcher.stop()?;
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
    }
    let running = step("Local AWS", || launcher.start(workspace, None))?;
    let rehearsed = Rehearsed { endpoint: running.endpoint_url, launcher, _lock: lock };
    let target = Target::Local { endpoint: rehearsed.endpoint.clone() };
    step("CDK bootstrap", || Cdk { workspace, target, folder }.bootstrap_local())?;
    Ok(rehearsed)
}
