//! The files of a deployment, in `.local/deploy/`.

use std::path::PathBuf;

use crate::tools::workspace::Workspace;

/// Names the folder of a deployment's files.
pub fn deploy_folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.scratch().join("deploy").join(name)
}

/// Names the principals file of a stage, unless the user keeps it elsewhere.
pub fn default_principals(workspace: &Workspace, stage: &str) -> PathBuf {
    deploy_folder(workspace, stage).join("principals.json")
}
