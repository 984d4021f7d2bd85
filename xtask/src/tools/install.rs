//! Installs the packages of the parts in Python and JavaScript into ignored folders, at pinned versions.
//!
//! A folder counts as installed only when its stamp, written last, holds the hash of its lock inputs. Anything else (other
//! pins, a run that was killed, a removed interpreter) is removed and made again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::tools::fingerprint::{Fingerprint, is_fresh, mark_fresh};
use crate::tools::lock::Lock;
use crate::tools::process::run_logged;
use crate::tools::programs;
use crate::tools::progress::step;
use crate::tools::workspace::{Workspace, python_of};

const STAMP: &str = ".xtask-stamp";

/// cargo-lambda comes from `PyPI` and brings zig, the cross linker.
pub const CARGO_LAMBDA: &str = "cargo-lambda==1.9.2";
/// `verify-aws` runs the very commands of docs/aws-unverified.md.
const AWS_CLI: &str = "awscli==1.46.2";

/// Installs the environment of the local AWS.
pub fn local_venv(workspace: &Workspace) -> Result<()> {
    let pins = Pins::File(workspace.root().join("local/requirements.txt"));
    venv(workspace, &workspace.local_venv(), &pins, "Python packages of the local AWS")
}

/// Installs the environment of the CDK apps and their command line.
pub fn cdk(workspace: &Workspace) -> Result<()> {
    let pins = Pins::File(workspace.cdk().join("requirements.txt"));
    venv(workspace, &workspace.cdk_venv(), &pins, "Python packages of the CDK app")?;
    npm(workspace, &workspace.cdk(), "CDK command line")
}

/// Installs the clients that the API is tried with, and the linter of its document; returns the folder of their programs.
pub fn clients(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.clients();
    npm(workspace, &folder, "clients of the API")?;
    Ok(folder.join("node_modules/.bin"))
}

/// Installs the viewer of the docs page; returns the folder of the package.
pub fn viewer(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.root().join("functions/docs/viewer");
    npm(workspace, &folder, "viewer of the docs page")?;
    Ok(folder.join("node_modules/swagger-ui-dist"))
}

/// Installs the driver of the browser tests.
pub fn browser_tests(workspace: &Workspace) -> Result<()> {
    npm(workspace, &workspace.browser_tests(), "driver of the browser tests")
}

/// Installs the environment of Schemathesis and of the parser of PowerShell.
pub fn clients_venv(workspace: &Workspace) -> Result<()> {
    let pins = Pins::File(workspace.clients().join("requirements.txt"));
    venv(workspace, &workspace.clients_venv(), &pins, "Python packages that try the API")
}

/// Installs the environment of the programs in Python that the service is measured beside.
pub fn bench_venv(workspace: &Workspace) -> Result<()> {
    let pins = Pins::File(workspace.peers().join("python/requirements.txt"));
    venv(workspace, &workspace.bench_venv(), &pins, "Python packages of the benchmark")
}

/// Installs the environment of cargo-lambda.
pub fn cargo_lambda(workspace: &Workspace) -> Result<()> {
    venv(workspace, &workspace.lambda_venv(), &Pins::Package(CARGO_LAMBDA), "cargo-lambda with zig")
}

/// Installs the environment of the AWS CLI.
pub fn aws_cli(workspace: &Workspace) -> Result<()> {
    venv(workspace, &workspace.aws_cli_venv(), &Pins::Package(AWS_CLI), "AWS CLI")
}

/// Adds the pins of the CDK's packages, on which a deployment depends.
pub fn lock_inputs(workspace: &Workspace, hash: Fingerprint) -> Result<Fingerprint> {
    hash.file("cdk/requirements.txt", &workspace.cdk().join("requirements.txt"))?
        .file("cdk/package-lock.json", &workspace.cdk().join("package-lock.json"))
}

enum Pins {
    File(PathBuf),
    Package(&'static str),
}

impl Pins {
    fn hash(&self) -> Result<String> {
        Ok(match self {
            Self::File(path) => Fingerprint::new().file("requirements", path)?.finish(),
            Self::Package(pin) => Fingerprint::new().value("package", pin.as_bytes()).finish(),
        })
    }

    fn arguments(&self) -> Vec<&std::ffi::OsStr> {
        match self {
            Self::File(path) => vec!["--requirement".as_ref(), path.as_os_str()],
            Self::Package(pin) => vec![pin.as_ref()],
        }
    }
}

fn venv(workspace: &Workspace, folder: &Path, pins: &Pins, what: &str) -> Result<()> {
    let hash = pins.hash()?;
    let stamp = folder.join(STAMP);
    // A venv points to the interpreter it was made with: `exists` follows that link.
    let fresh = || is_fresh(&stamp, &hash) && python_of(folder).exists();
    if fresh() {
        return Ok(());
    }
    let _lock = Lock::wait(&workspace.scratch().join("install.lock"), "an installation")?;
    if fresh() {
        return Ok(());
    }
    let python = programs::python()?;
    step(&format!("{what} (Python {})", python.version), || {
        remove(folder)?;
        let log = workspace.scratch().join("install.log");
        run_logged(Command::new(&python.program).args(["-m", "venv"]).arg(folder), &log, "making a Python environment").context(
            "a Python environment cannot be made.\n  If `ensurepip` is missing: Debian/Ubuntu keep it in the package `python3-venv`.",
        )?;
        let mut pip = Command::new(python_of(folder));
        pip.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check"])
            .args(pins.arguments());
        run_logged(&mut pip, &log, "pip install").context(
            "packages cannot be installed.\n  They come from PyPI: check the network (proxy, VPN) and run this command again.",
        )?;
        mark_fresh(&stamp, &hash)
    })
}

fn npm(workspace: &Workspace, folder: &Path, what: &str) -> Result<()> {
    let node = programs::node()?;
    let modules = folder.join("node_modules");
    let hash = Fingerprint::new()
        .file("package.json", &folder.join("package.json"))?
        .file("package-lock.json", &folder.join("package-lock.json"))?
        .finish();
    // `npm ci` begins by removing node_modules, and the stamp with it.
    let stamp = modules.join(STAMP);
    if is_fresh(&stamp, &hash) {
        return Ok(());
    }
    programs::npm()?;
    let _lock = Lock::wait(&workspace.scratch().join("install.lock"), "an installation")?;
    if is_fresh(&stamp, &hash) {
        return Ok(());
    }
    step(&format!("{what} (Node.js {node})"), || {
        let mut ci = Command::new("npm");
        // No package here needs a script of its own; the viewer's would report its installation to a company.
        ci.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(folder);
        run_logged(&mut ci, &workspace.scratch().join("install.log"), "npm ci").context(
            "packages cannot be installed.\n  They come from the npm registry: check the network (proxy, VPN) and run this \
             command again.",
        )?;
        mark_fresh(&stamp, &hash)
    })
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}
