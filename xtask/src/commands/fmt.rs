//! `cargo xtask fmt`.

use anyhow::Result;

use crate::tools::checks::succeed;
use crate::tools::workspace::Workspace;

/// Formats all Rust sources.
pub fn run(workspace: &Workspace) -> Result<()> {
    succeed(&mut workspace.cargo(&["fmt", "--all"]), "cargo fmt")
}
