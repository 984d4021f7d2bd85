//! One scene of the end-to-end tests, run for a person to watch, on a local AWS of its own.

use anyhow::{Context, Result};

use crate::local::disposable::Disposable;
use crate::service::functions;
use crate::tools::checks::succeed;
use crate::tools::environment;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// Brings a service up in `.local/<name>/` and runs the test against it; `settings` are variables that the test reads.
pub fn run(workspace: &Workspace, name: &str, test: &str, settings: &[(&str, &str)]) -> Result<()> {
    // The selection that `test` compiles, so that neither makes the other compile again.
    let selection = ["--workspace", "--bins", "--tests"];
    let binaries = step("Functions and tests", || functions::build(workspace, &selection))?;
    let local = Disposable::new(workspace, name)?;
    let outputs = local.bring_up(&binaries)?;
    let mut command =
        workspace.cargo(&["test", "--quiet", "--workspace", "--test", "e2e", "--", "--exact", test]);
    command.args(["--include-ignored", "--nocapture"]);
    environment::local_aws(&mut command, outputs.endpoint()?);
    command.env("E2E_OUTPUTS", local.outputs_file());
    command.env("E2E_SERVICE_ASSEMBLY", local.folder().join("cdk.out"));
    command.env("E2E_TEARDOWN_ASSEMBLY", local.folder().join("teardown.out"));
    command.envs(settings.iter().copied());
    succeed(&mut command, &format!("the scene {test}"))
        .with_context(|| format!("the local AWS's log is {}", local.folder().join("local-aws.log").display()))
}
