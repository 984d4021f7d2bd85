//! `cargo xtask test`: every check of the repository, the cheap ones first.
//!
//! # How often the dependencies are compiled
//!
//! The AWS SDK crates take minutes, and cargo compiles a crate again for every other set of features of it or of anything
//! below it. The set follows from the packages and targets selected: `cargo build -p functions --bins` leaves out what
//! dev-dependencies add (tokio's `process` by way of dynoxide, for one), `-p e2e` brings features of its own. So every command
//! here selects `--workspace` and test targets, and narrows down by target only: unit tests, the end-to-end tests and the
//! functions they run against share one compilation. (`clippy` checks without generating code and cannot share; `up` builds the
//! functions alone, so that a first `up` compiles no test dependency.)

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::environment;
use crate::functions;
use crate::install;
use crate::launcher::Launcher;
use crate::lint;
use crate::lock::Lock;
use crate::process::{self, Interrupted};
use crate::progress::seconds;
use crate::stack::Stack;
use crate::tools;
use crate::workspace::{Workspace, python_of};

/// A part of the checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Part {
    /// cargo fmt --check and clippy
    Lint,
    /// the CDK app's tests (template, cdk-nag, cfn-lint)
    Cdk,
    /// the local AWS's own tests
    Local,
    /// unit, property and integration tests in Rust
    Unit,
    /// the whole service on a local AWS of its own
    E2e,
}

/// What `test` may be told.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// Only these parts, in the usual order [default: all]
    #[arg(value_enum)]
    parts: Vec<Part>,
}

type Check = (Part, &'static str, fn(&Workspace) -> Result<()>);

/// Cheap before dear.
const CHECKS: [Check; 6] = [
    (Part::Lint, "lint: fmt", lint::format),
    (Part::Cdk, "cdk", cdk),
    (Part::Local, "local", local),
    (Part::Lint, "lint: clippy", lint::clippy),
    (Part::Unit, "unit", unit),
    (Part::E2e, "e2e", e2e),
];

/// Runs the chosen parts to the end, whatever fails, and lists them.
pub fn test(workspace: &Workspace, args: &TestArgs) -> Result<()> {
    let chosen = CHECKS.iter().filter(|(part, _, _)| args.parts.is_empty() || args.parts.contains(part));
    let mut rows = Vec::new();
    for (_, name, check) in chosen {
        eprintln!("\n=== {name}");
        let began = Instant::now();
        let result = check(workspace);
        if let Err(error) = &result {
            if error.is::<Interrupted>() {
                return Err(Interrupted.into());
            }
            eprintln!("error: {error:#}");
        }
        rows.push(Row { name, passed: result.is_ok(), time: began.elapsed() });
    }
    println!("\n{}", table(&rows));
    let failed: Vec<&str> = rows.iter().filter(|row| !row.passed).map(|row| row.name).collect();
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}", failed.join(", "))
}

struct Row {
    name: &'static str,
    passed: bool,
    time: Duration,
}

fn table(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let result = if row.passed { "ok" } else { "FAILED" };
        format!("  {result:<6}  {:>8}  {}", seconds(row.time), row.name)
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The tests of the CDK app.
pub fn cdk(workspace: &Workspace) -> Result<()> {
    tools::node()?;
    install::cdk(workspace)?;
    pytest(workspace, &workspace.cdk_venv(), "cdk")
}

fn local(workspace: &Workspace) -> Result<()> {
    install::local_venv(workspace)?;
    pytest(workspace, &workspace.local_venv(), "local")
}

fn pytest(workspace: &Workspace, venv: &Path, folder: &str) -> Result<()> {
    let mut command = Command::new(python_of(venv));
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", folder]).current_dir(workspace.root());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    environment::without_aws(&mut command);
    succeed(&mut command, "pytest")
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

fn e2e(workspace: &Workspace) -> Result<()> {
    let tests = test_targets(workspace)?;
    let mut command = workspace.cargo(&["test", "--workspace"]);
    for target in tests.iter().filter(|target| target.package == "e2e") {
        command.args(["--test", &target.name]);
    }
    if command.get_args().all(|argument| argument != "--test") {
        bail!("the package e2e has no integration test: cargo would run all others instead");
    }
    tools::node()?;
    install::local_venv(workspace)?;
    install::cdk(workspace)?;
    let folder = workspace.scratch().join("test");
    let _lock = Lock::wait(&workspace.scratch().join("test.lock"), "another end-to-end test")?;
    let stack = Stack::new(workspace, folder.clone());
    let stopped = Stopped(stack.launcher());
    stopped.0.stop()?;
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
    }
    let binaries = functions::build(workspace, &["--workspace", "--bins", "--tests"])?;
    let (_, outputs) = stack.bring_up(&binaries, None)?;
    environment::local_aws(&mut command, &outputs.endpoint_url);
    command.env("E2E_OUTPUTS", stack.outputs_file());
    succeed(&mut command, "cargo test").with_context(|| {
        format!(
            "the end-to-end tests failed; the local AWS's log is {}",
            folder.join("local-aws.log").display()
        )
    })
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

/// Runs a check that shows its own findings.
pub fn succeed(command: &mut Command, what: &str) -> Result<()> {
    if process::run(command)? {
        return Ok(());
    }
    bail!("{what} found something: see above")
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

/// The integration tests of all packages.
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
    Ok(metadata.packages.into_iter().flat_map(of).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Row, TestTarget, parse_targets, table};

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
    fn the_list_says_what_failed_and_how_long_it_took() {
        let rows = [
            Row { name: "unit", passed: true, time: Duration::from_secs(61) },
            Row { name: "e2e", passed: false, time: Duration::from_millis(1500) },
        ];
        assert_eq!(table(&rows), "  ok        61.0 s  unit\n  FAILED     1.5 s  e2e");
    }
}
