//! The clients that people use, and strangers, against a deployed service: a part of `cargo xtask test`, and the longer
//! `cargo xtask fuzz`.

use std::process::Command;

use anyhow::Result;
use deployment::Service;

use crate::tools::checks::succeed;
use crate::tools::environment;
use crate::tools::install;
use crate::tools::python::pytest;
use crate::tools::workspace::Workspace;

/// Runs each client of docs/clients with the tool that people run it with (tests/clients), and parses those for PowerShell.
pub fn run(workspace: &Workspace, service: &Service) -> Result<()> {
    install::clients(workspace)?;
    install::clients_venv(workspace)?;
    let mut command = Command::new("node");
    command.args(["--test", "tests/clients/clients.test.js"]).current_dir(workspace.root());
    environment::without_aws(&mut command);
    command.env("BASE_URL", &service.api_url).env("TOKEN", &service.token);
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    succeed(&mut command, "node --test")?;
    pytest(workspace, &workspace.clients_venv(), "tests/clients")
}

/// Lets Schemathesis, which knows the API from its document only, look for answers that contradict it, with every check and in
/// every phase. It has an owner of its own.
///
/// It is bounded by examples per operation and not by time, since it passes phases over when its time is up.
pub fn strangers(workspace: &Workspace, service: &Service, examples: u32, seed: u64) -> Result<()> {
    install::clients_venv(workspace)?;
    let folder = workspace.clients();
    let mut command = Command::new(workspace.clients_venv().join("bin/schemathesis"));
    command.arg("--config-file").arg(folder.join("schemathesis.toml"));
    command.arg("run").arg(workspace.root().join("docs/openapi.json")).args(["--url", &service.api_url]);
    command.args(["--max-examples", &examples.to_string(), "--seed", &seed.to_string()]);
    // It leaves what it learned in its current folder.
    command.current_dir(workspace.scratch());
    environment::without_aws(&mut command);
    command.env("TOKEN", &service.other_owner_token);
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    succeed(&mut command, "schemathesis")
}
