//! `cargo xtask test`: every check of the repository, the cheap ones first.
//!
//! # How often the dependencies are compiled
//!
//! The AWS SDK crates take minutes, and cargo compiles a crate again for every other set of features of it or of anything
//! below it. The set follows from the packages selected, and from whether a test is among the targets: a build of the functions'
//! packages alone leaves out what dev-dependencies add (tokio's `process` by way of dynoxide, for one), `-p e2e` brings features
//! of its own. So every command here selects `--workspace` and test targets, and narrows down by target only: unit tests, the
//! end-to-end tests and the functions they run against share one compilation. (`clippy` checks without generating code and
//! cannot share; `up` selects the functions' packages alone, so that a first `up` compiles no test dependency, and narrows down
//! in the same way: first the service's binaries, then the teardown's.)

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use deployment::Outputs;
use deployment::names::TEARDOWN_STACK;
use serde::Deserialize;

use crate::commands::clients;
use crate::commands::lint;
use crate::commands::verify_aws::rehearsal;
use crate::local::client::LocalAws;
use crate::local::disposable::Disposable;
use crate::local::launcher::Launcher;
use crate::local::stack::Stack;
use crate::service::functions;
use crate::tools::browser;
use crate::tools::checks::{self, Check, succeed};
use crate::tools::environment;
use crate::tools::install;
use crate::tools::lock::Lock;
use crate::tools::process;
use crate::tools::programs;
use crate::tools::python::pytest;
use crate::tools::workspace::{Workspace, python_of};

/// How many examples Schemathesis makes of each operation, always the same; `fuzz` makes more, and others.
const EXAMPLES: u32 = 25;

/// A part of the checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Part {
    /// cargo fmt --check, the state machine's picture, the API's document, clippy
    Lint,
    /// the CDK app's tests (template, cdk-nag, cfn-lint)
    Cdk,
    /// the local AWS's own tests
    Local,
    /// unit, property and integration tests in Rust
    Unit,
    /// the whole service on a local AWS of its own
    E2e,
    /// the API's clients, and Schemathesis, against the same service
    Clients,
    /// pages of other origins and the docs page in Chromium, on a local AWS of its own
    Browser,
    /// `verify-aws` rehearsed on a local AWS of its own
    Verify,
}

/// The options of `test`.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// Run only these parts, in the usual order [default: all]
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// After `--`: run only the end-to-end tests whose names contain one of these
    #[arg(last = true, value_name = "NAME")]
    names: Vec<String>,
}

/// The origins of `tests/browser/`, which its browser finds on this machine.
const ALLOWED_ORIGINS: &str = "allowedOrigins=http://app.example,http://second.example";

impl TestArgs {
    fn has(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

type PartCheck = (&'static [Part], &'static str, fn(&Workspace, &TestArgs) -> Result<()>);

/// The checks, cheap ones first.
const CHECKS: [PartCheck; 10] = [
    (&[Part::Lint], "lint: fmt", |workspace, _| lint::format(workspace)),
    (&[Part::Lint], "lint: picture", |workspace, _| lint::picture(workspace)),
    (&[Part::Lint], "lint: openapi", |workspace, _| lint::openapi(workspace)),
    (&[Part::Cdk], "cdk", |workspace, _| lint::template(workspace)),
    (&[Part::Local], "local", |workspace, _| local(workspace)),
    (&[Part::Lint], "lint: clippy", |workspace, _| lint::clippy(workspace)),
    (&[Part::Unit], "unit", |workspace, _| unit(workspace)),
    (&[Part::E2e, Part::Clients], "deployed", deployed),
    (&[Part::Browser], "browser", |workspace, _| browser(workspace)),
    (&[Part::Verify], "verify", |workspace, _| rehearsal::rehearse(workspace)),
];

/// Runs all chosen parts, even when one fails, and lists the results.
pub fn run(workspace: &Workspace, args: &TestArgs) -> Result<()> {
    let chosen = CHECKS.iter().filter(|(parts, _, _)| parts.iter().any(|&part| args.has(part)));
    let checks: Vec<Check<'_>> =
        chosen.map(|&(_, name, check)| Check::new(name, move || check(workspace, args))).collect();
    checks::run(&checks)
}

fn local(workspace: &Workspace) -> Result<()> {
    install::local_venv(workspace)?;
    pytest(workspace, &workspace.local_venv(), "local")
}

fn unit(workspace: &Workspace) -> Result<()> {
    let tests = test_targets(workspace)?;
    let mut command = workspace.cargo(&["test", "--workspace", "--lib", "--bins"]);
    for target in tests.iter().filter(|target| target.package != "e2e") {
        command.args(["--test", &target.name]);
    }
    succeed(&mut command, "cargo test")?;
    succeed(&mut workspace.cargo(&["test", "--workspace", "--doc"]), "cargo test --doc")
}

/// Brings up one service for all checks that call it.
fn deployed(workspace: &Workspace, args: &TestArgs) -> Result<()> {
    programs::node()?;
    install::local_venv(workspace)?;
    install::cdk(workspace)?;
    let folder = workspace.scratch().join("test");
    let _lock = Lock::wait(&workspace.scratch().join("test.lock"), "another end-to-end test")?;
    let issuers = format!("issuers={}", workspace.root().join("tests/e2e/issuers.json").display());
    let stack = Stack::new(workspace, folder.clone()).with(&[&issuers]);
    let stopped = Stopped(stack.launcher());
    stopped.0.stop()?;
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
    }
    let binaries = functions::build(workspace, &["--workspace", "--bins", "--tests"])?;
    let outputs = stack.bring_up(&binaries)?;
    let mut checks = Vec::new();
    if args.has(Part::E2e) {
        checks.push(Check::new("e2e", || e2e(workspace, &stack, &folder, &outputs, &args.names)));
    }
    if args.has(Part::Clients) {
        checks.push(Check::new("clients", || clients::run(workspace, outputs.service()?)));
        let brief = || clients::strangers(workspace, outputs.service()?, EXAMPLES, 1);
        checks.push(Check::new("clients: strangers", brief));
    }
    checks::run(&checks)
}

fn e2e(
    workspace: &Workspace,
    stack: &Stack<'_>,
    folder: &Path,
    outputs: &Outputs,
    names: &[String],
) -> Result<()> {
    let mut command = e2e_tests(workspace, outputs, &stack.outputs_file(), folder)?;
    command.arg("--").args(names);
    succeed(&mut command, "cargo test").with_context(|| {
        format!(
            "the end-to-end tests failed; the local AWS's log is {}",
            folder.join("local-aws.log").display()
        )
    })?;
    let responses = folder.join("responses.json");
    // Some of the tests receive no response of the API, and do not need every permission.
    if names.is_empty() || responses.exists() {
        say_validated(&responses)?;
    }
    if names.is_empty() { needed_statements(workspace, folder, outputs.endpoint()?) } else { Ok(()) }
}

/// Returns the command that runs the end-to-end tests against the service whose files are in a folder.
pub fn e2e_tests(
    workspace: &Workspace,
    outputs: &Outputs,
    outputs_file: &Path,
    folder: &Path,
) -> Result<Command> {
    let tests = test_targets(workspace)?;
    let mut command = workspace.cargo(&["test", "--workspace"]);
    for target in tests.iter().filter(|target| target.package == "e2e") {
        command.args(["--test", &target.name]);
    }
    if command.get_args().all(|argument| argument != "--test") {
        bail!("the package e2e has no integration test: cargo would run all others instead");
    }
    environment::local_aws(&mut command, outputs.endpoint()?);
    command.env("E2E_OUTPUTS", outputs_file);
    // Some tests put the same templates into accounts of their own.
    command.env("E2E_SERVICE_ASSEMBLY", folder.join("cdk.out"));
    command.env("E2E_TEARDOWN_ASSEMBLY", folder.join("teardown.out"));
    Ok(command)
}

/// The responses that the end-to-end tests received, and held against docs/openapi.json (`tests/e2e/document.rs`).
#[derive(Deserialize)]
struct Tally {
    received: u64,
    validated: u64,
    seen: BTreeMap<String, u64>,
}

fn say_validated(file: &Path) -> Result<()> {
    let text = fs::read(file).context("the end-to-end tests left no tally of responses")?;
    let tally: Tally = serde_json::from_slice(&text).context("the tally of responses is not readable")?;
    let documented = tally.seen.keys().filter(|name| !name.starts_with("outside")).count();
    println!(
        "responses validated against docs/openapi.json: {} of {}, of {documented} documented kinds",
        tally.validated, tally.received
    );
    Ok(())
}

/// Lets pages call a service that allows two origins, and reads its docs page.
fn browser(workspace: &Workspace) -> Result<()> {
    let chromium = browser::chromium(workspace)?;
    install::browser_tests(workspace)?;
    let binaries = functions::build(workspace, &["--workspace", "--bins", "--tests"])?;
    let local = Disposable::with(workspace, "browser", &[ALLOWED_ORIGINS])?;
    let outputs = local.bring_up_service(&binaries)?;
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-reporter=spec", "tests/browser/browser.test.mjs"])
        .current_dir(workspace.root());
    environment::local_aws(&mut command, outputs.endpoint()?);
    command.env("CHROMIUM", chromium).env("BROWSER_OUTPUTS", local.outputs_file());
    let screenshots = local.folder().join("screenshots");
    command.env("BROWSER_SCREENSHOTS", &screenshots);
    succeed(&mut command, "node --test")?;
    eprintln!("screenshots: {}", screenshots.display());
    Ok(())
}

/// Checks that every statement of the deployed roles and policies was needed: without it, a call would have been denied.
fn needed_statements(workspace: &Workspace, folder: &Path, endpoint: &str) -> Result<()> {
    let decisions = folder.join("decisions.json");
    let answer = LocalAws::new(endpoint).launcher("/_local/decisions")?;
    fs::write(&decisions, answer).with_context(|| format!("{} cannot be written", decisions.display()))?;
    let mut command = Command::new(python_of(&workspace.local_venv()));
    command.args(["-m", "local.needed", "--decisions"]).arg(&decisions);
    command
        .arg(folder.join("cdk.out/tasks-dev.template.json"))
        .arg(folder.join(format!("teardown.out/{TEARDOWN_STACK}.template.json")));
    command.current_dir(workspace.root()).env("PYTHONDONTWRITEBYTECODE", "1");
    environment::without_aws(&mut command);
    succeed(&mut command, "python -m local.needed").context("a permission is not needed, or nothing tests it")
}

/// Stops the local AWS at the end of a test, however it ends.
struct Stopped<'a>(&'a Launcher);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.stop() {
            eprintln!("error: {error:#}");
        }
    }
}

#[derive(Debug, Eq, PartialEq)]
struct TestTarget {
    package: String,
    name: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Returns the integration tests of all packages.
fn test_targets(workspace: &Workspace) -> Result<Vec<TestTarget>> {
    let mut command = workspace.cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let answer = process::answer(&mut command).context("`cargo metadata` fails: is a Cargo.toml damaged?")?;
    parse_targets(&answer)
}

fn parse_targets(metadata: &str) -> Result<Vec<TestTarget>> {
    let metadata: Metadata =
        serde_json::from_str(metadata).context("`cargo metadata` answers something unknown")?;
    let of = |package: Package| {
        let tests = package.targets.into_iter().filter(|target| target.kind == ["test"]);
        tests
            .map(move |target| TestTarget { package: package.name.clone(), name: target.name })
            .collect::<Vec<_>>()
    };
    let targets: Vec<TestTarget> = metadata.packages.into_iter().flat_map(of).collect();
    // Targets are selected by name only, so that the selection of packages stays the same.
    for (at, target) in targets.iter().enumerate() {
        if let Some(twin) = targets[..at].iter().find(|twin| twin.name == target.name) {
            bail!(
                "{} and {} both have a test named {}: rename one",
                twin.package,
                target.package,
                target.name
            );
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::{TestTarget, parse_targets};

    #[test]
    fn integration_tests_are_told_from_other_targets() {
        let metadata = r#"{"packages":[
            {"name":"functions","targets":[{"name":"functions","kind":["lib"]},{"name":"store","kind":["test"]}]},
            {"name":"e2e","targets":[{"name":"service","kind":["test"]},{"name":"speed","kind":["bench"]}]}]}"#;
        let target =
            |package: &str, name: &str| TestTarget { package: package.to_owned(), name: name.to_owned() };
        let found = parse_targets(metadata).expect("targets");
        assert_eq!(found, [target("functions", "store"), target("e2e", "service")]);
    }

    #[test]
    fn two_tests_of_one_name_are_refused() {
        let package =
            |name: &str| format!(r#"{{"name":"{name}","targets":[{{"name":"service","kind":["test"]}}]}}"#);
        let metadata = format!(r#"{{"packages":[{},{}]}}"#, package("functions"), package("e2e"));
        let error = parse_targets(&metadata).expect_err("a clash").to_string();
        assert_eq!(error, "functions and e2e both have a test named service: rename one");
    }
}
