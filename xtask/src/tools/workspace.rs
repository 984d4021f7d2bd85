//! The repository and its ignored scratch folder `.local/`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The repository this command was started in.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds it by xtask's manifest, which cargo names; a bare binary looks upward from the current folder.
    pub fn find() -> Result<Self> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(manifest) => PathBuf::from(manifest),
            None => env::current_dir().context("the current folder cannot be read")?,
        };
        let root = start
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .context("this is not inside the repository: run `cargo xtask` from a folder of the clone")?;
        // As the system sees it: running processes are recognised by their paths.
        Ok(Self { root: root.canonicalize().context("the repository cannot be read")? })
    }

    /// Returns the top of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names the folder for everything that xtask makes; git ignores it.
    pub fn scratch(&self) -> PathBuf {
        self.root.join(".local")
    }

    /// Names the Python environment of the local AWS.
    pub fn local_venv(&self) -> PathBuf {
        self.scratch().join("local-venv")
    }

    /// Names the Python environment of the CDK apps.
    pub fn cdk_venv(&self) -> PathBuf {
        self.scratch().join("cdk-venv")
    }

    /// Names the Python environment that holds cargo-lambda.
    pub fn lambda_venv(&self) -> PathBuf {
        self.scratch().join("lambda-venv")
    }

    /// Names the Python environment that holds the AWS CLI.
    pub fn aws_cli_venv(&self) -> PathBuf {
        self.scratch().join("aws-cli-venv")
    }

    /// Names the Python environment of the clients that the API is tried with.
    pub fn clients_venv(&self) -> PathBuf {
        self.scratch().join("clients-venv")
    }

    /// Names the Python environment of the programs that the service is measured beside.
    pub fn bench_venv(&self) -> PathBuf {
        self.scratch().join("bench/python")
    }

    /// Names the folder of the programs that the service is measured beside.
    pub fn peers(&self) -> PathBuf {
        self.root.join("xtask/bench/peers")
    }

    /// Names the folder of installed programs (cargo-deny).
    pub fn tools(&self) -> PathBuf {
        self.scratch().join("tools")
    }

    /// Names the folder of the CDK apps.
    pub fn cdk(&self) -> PathBuf {
        self.root.join("cdk")
    }

    /// Names the folder of the clients that the API is tried with.
    pub fn clients(&self) -> PathBuf {
        self.root.join("tests/clients")
    }

    /// Names the folder of the browser tests.
    pub fn browser_tests(&self) -> PathBuf {
        self.root.join("tests/browser")
    }

    /// Names the manifests of the service's workspace and of these programs'.
    pub fn manifests(&self) -> [PathBuf; 2] {
        [&self.root, &self.peers()].map(|folder| folder.join("Cargo.toml"))
    }

    /// Makes a cargo command in the workspace, in the developer's environment (`CARGO_TARGET_DIR` included).
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).current_dir(&self.root);
        // `cargo run` told us about xtask. Passed on, it would make build scripts that look at these variables (ring's) run
        // again, and everything above them compile again, whenever `cargo xtask` and a bare `cargo` take turns.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }
}

/// Names the interpreter of a Python environment.
pub fn python_of(venv: &Path) -> PathBuf {
    venv.join("bin/python")
}
