//! A local service that a command makes for itself, from nothing, and that is stopped at the end, also after a failure.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use deployment::Outputs;

use crate::local::stack::Stack;
use crate::service::functions::Binary;
use crate::tools::install;
use crate::tools::lock::Lock;
use crate::tools::programs;
use crate::tools::workspace::Workspace;

/// Owns `.local/<name>/` and the processes below it until dropped. The folder stays for a look at its logs.
#[derive(Debug)]
pub struct Disposable<'a> {
    stack: Stack<'a>,
    folder: PathBuf,
    _lock: Lock,
}

impl<'a> Disposable<'a> {
    /// Installs what a local AWS needs, and clears away what an earlier run left.
    pub fn new(workspace: &'a Workspace, name: &str) -> Result<Self> {
        Self::with(workspace, name, &[])
    }

    /// The same, with settings of the CDK app, `key=value`.
    pub fn with(workspace: &'a Workspace, name: &str, settings: &[&str]) -> Result<Self> {
        programs::node()?;
        install::local_venv(workspace)?;
        install::cdk(workspace)?;
        let folder = workspace.scratch().join(name);
        let lock = Lock::wait(&workspace.scratch().join(format!("{name}.lock")), "the same command")?;
        let stack = Stack::new(workspace, folder.clone()).with(settings);
        stack.launcher().stop()?;
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
        }
        Ok(Self { stack, folder, _lock: lock })
    }

    /// Deploys the service and the teardown workflow.
    pub fn bring_up(&self, binaries: &[Binary]) -> Result<Outputs> {
        self.stack.bring_up(binaries)
    }

    /// Deploys the service only.
    pub fn bring_up_service(&self, binaries: &[Binary]) -> Result<Outputs> {
        Ok(self.stack.bring_up_service(binaries, None)?.1)
    }

    /// Returns the folder of its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Names the file of its outputs.
    pub fn outputs_file(&self) -> PathBuf {
        self.stack.outputs_file()
    }
}

impl Drop for Disposable<'_> {
    fn drop(&mut self) {
        match self.stack.launcher().stop() {
            Ok(_) => eprintln!("the local AWS in {} is stopped", self.folder.display()),
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
}
