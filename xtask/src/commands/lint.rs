//! `cargo xtask lint`: every static check.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::tools::checks::{self, Check, succeed};
use crate::tools::install;
use crate::tools::lock::Lock;
use crate::tools::process;
use crate::tools::programs;
use crate::tools::progress::step;
use crate::tools::python::pytest;
use crate::tools::workspace::Workspace;

const CARGO_DENY: &str = "0.20.2";

/// The options of `lint`.
#[derive(Args, Debug)]
pub struct LintArgs {
    /// Also look for known vulnerabilities: downloads the advisory database from GitHub
    #[arg(long)]
    advisories: bool,
}

/// Runs every static check: format, the picture of the state machine, the API's document, clippy, the template (cfn-lint, cdk-nag), licences and
/// sources of the dependencies.
pub fn run(workspace: &Workspace, args: &LintArgs) -> Result<()> {
    checks::run(&[
        Check::new("fmt", || format(workspace)),
        Check::new("picture", || picture(workspace)),
        Check::new("openapi", || openapi(workspace)),
        Check::new("clippy", || clippy(workspace)),
        Check::new("template", || template(workspace)),
        Check::new("dependencies", || dependencies(workspace, args)),
    ])
}

/// Runs the tests of the CDK apps: template, cdk-nag, cfn-lint.
pub fn template(workspace: &Workspace) -> Result<()> {
    programs::node()?;
    install::cdk(workspace)?;
    pytest(workspace, &workspace.cdk_venv(), "cdk")
}

/// Checks licences, bans and sources of the dependencies; not part of `test`, since cargo-deny is compiled first (2–3 minutes).
fn dependencies(workspace: &Workspace, args: &LintArgs) -> Result<()> {
    let deny = cargo_deny(workspace)?;
    let mut command = workspace.cargo(&["deny", "--workspace", "check", "bans", "licenses", "sources"]);
    if args.advisories {
        command.arg("advisories");
    }
    command.env("PATH", path_with(&deny)?);
    succeed(&mut command, "cargo deny")
}

/// Checks that the Rust sources are formatted.
pub fn format(workspace: &Workspace) -> Result<()> {
    for manifest in workspace.manifests() {
        succeed(
            workspace.cargo(&["fmt", "--all", "--check", "--manifest-path"]).arg(manifest),
            "cargo fmt --check",
        )
        .context("run `cargo xtask fmt` and look at what it changes")?;
    }
    Ok(())
}

/// Checks that docs/teardown.svg shows the state machine as it is.
pub fn picture(workspace: &Workspace) -> Result<()> {
    let mut command = Command::new(programs::python()?.program);
    command.args(["statemachine/picture.py", "--check"]).current_dir(workspace.root());
    succeed(&mut command, "picture.py --check")
}

/// Lints docs/openapi.json; a warning is an error.
pub fn openapi(workspace: &Workspace) -> Result<()> {
    let programs = install::clients(workspace)?;
    let mut command = Command::new(programs.join("redocly"));
    command.args(["lint", "docs/openapi.json", "--config"]).arg(workspace.clients().join("redocly.yaml"));
    command.current_dir(workspace.root());
    command.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    succeed(&mut command, "redocly lint")
}

/// Runs clippy, which counts every warning as an error.
pub fn clippy(workspace: &Workspace) -> Result<()> {
    succeed(
        &mut workspace.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        "clippy",
    )
}

/// Returns the folder of cargo-deny, after installing its pinned version if it is not there. Cargo puts a program in place only
/// when it is complete, so its presence is the stamp.
fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.tools().join(format!("cargo-deny-{CARGO_DENY}"));
    let program = root.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(root.join("bin"));
    }
    let _lock = Lock::wait(&workspace.scratch().join("install.lock"), "an installation")?;
    step(&format!("cargo-deny {CARGO_DENY}, compiled once (some minutes)"), || {
        fs::create_dir_all(&root).with_context(|| format!("{} cannot be made", root.display()))?;
        let mut command = workspace.cargo(&["install", "--locked", "--version", CARGO_DENY, "--root"]);
        command.arg(&root).arg("cargo-deny");
        // A folder of its own: the developer's target folder would keep its hundreds of crates for good.
        command.arg("--target-dir").arg(root.join("build"));
        let result = process::run_logged(
            &mut command,
            &workspace.scratch().join("install.log"),
            "cargo install cargo-deny",
        );
        fs::remove_dir_all(root.join("build")).ok();
        result.context("cargo-deny cannot be installed.\n  It comes from crates.io: check the network and run this command again.")
    })?;
    Ok(root.join("bin"))
}

fn path_with(folder: &std::path::Path) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("the PATH cannot be extended")
}
