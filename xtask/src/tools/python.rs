//! The tests in Python.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::tools::checks::succeed;
use crate::tools::environment;
use crate::tools::workspace::{Workspace, python_of};

/// Runs the tests below a folder in a Python environment, away from any AWS account.
pub fn pytest(workspace: &Workspace, venv: &Path, folder: &str) -> Result<()> {
    let mut command = Command::new(python_of(venv));
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", folder]).current_dir(workspace.root());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    environment::without_aws(&mut command);
    succeed(&mut command, "pytest")
}
