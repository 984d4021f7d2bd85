//! `cargo xtask fmt`.

use anyhow::Result;

use crate::tools::checks::succeed;
use crate::tools::workspace::Workspace;

/// Formats all Rust sources.
pub fn run(workspace: &Workspace) -> Result<()> {
    for manifest in workspace.manifests() {
        succeed(workspace.cargo(&["fmt", "--all", "--manifest-path"]).arg(manifest), "cargo fmt")?;
    }
    Ok(())
}
