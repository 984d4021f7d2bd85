//! `cargo xtask stuck-demo`: makes a stack that nothing can delete any more, and removes it with the workflow. The story is a test
//! of the package `e2e` (`tests/e2e/teardown/stuck.rs`). No other command runs that test, because it removes the service that all
//! tests share.

use anyhow::Result;

use crate::local::scene;
use crate::tools::workspace::Workspace;

const TEST: &str = "teardown::stuck::a_stack_that_nothing_can_delete_any_more_is_removed_by_the_workflow";

/// Tells the whole story; fails when any part of it does not happen.
pub fn run(workspace: &Workspace) -> Result<()> {
    scene::run(workspace, "stuck", TEST, &[])
}
