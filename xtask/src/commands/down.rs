//! `cargo xtask down`: the end of the developer's local AWS.

use anyhow::{Result, bail};

use crate::local::stack::Stack;
use crate::tools::lock::Lock;
use crate::tools::workspace::Workspace;

/// Stops the local AWS and every process it started.
pub fn run(workspace: &Workspace) -> Result<()> {
    let _lock = Lock::wait(&workspace.scratch().join("up.lock"), "a `cargo xtask up` or `down`")?;
    let stack = Stack::new(workspace, workspace.scratch());
    match stack.launcher().stop()? {
        0 => println!("nothing was running"),
        1 => println!("stopped: 1 process ended, none left"),
        count => println!("stopped: {count} processes ended, none left"),
    }
    if stack.launcher().find().is_some() {
        bail!("a local AWS was started meanwhile; run `cargo xtask down` again");
    }
    Ok(())
}
