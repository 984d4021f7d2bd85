//! The files of a deployment, in `.local/deploy/`.

use std::path::PathBuf;

use crate::tools::workspace::Workspace;

/// Where the files of a deployment are.
pub fn deploy_folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.scratch().join("deploy").join(name)
}

/// The principals of a stage, unless the user keeps them elsewhere.
pub fn default_principals(workspace: &Workspace, stage: &str) -> PathBuf {
    deploy_folder(workspace, stage).join("principals.json")
}
