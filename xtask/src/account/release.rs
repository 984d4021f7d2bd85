//! Builds the functions for Lambda, with cargo-lambda.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::service::cdk::App;
use crate::service::functions;
use crate::tools::checks::succeed;
use crate::tools::install;
use crate::tools::programs;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// The processor of the functions on AWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Architecture {
    #[value(name = "arm64")]
    Arm64,
    #[value(name = "x86_64")]
    X86,
}

impl Architecture {
    /// Returns the CDK apps' word for it.
    pub fn context(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86 => "x86_64",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::Arm64 => "--arm64",
            Self::X86 => "--x86-64",
        }
    }

    fn rust_target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86 => "x86_64-unknown-linux-gnu",
        }
    }
}

/// Builds the functions of these apps for Lambda, and installs what that needs; returns the folder of the results.
pub fn release(workspace: &Workspace, architecture: Architecture, apps: &[App]) -> Result<PathBuf> {
    programs::rust_target(architecture.rust_target())?;
    install::cdk(workspace)?;
    install::cargo_lambda(workspace)?;
    let target = target_folder(workspace);
    let venv = workspace.lambda_venv().join("bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(venv).chain(env::split_paths(&path));
    let mut command = workspace.cargo(&["lambda", "build", "--release", architecture.flag()]);
    // CARGO_TARGET_DIR, never --target-dir: cargo-lambda looks for the binaries in the former.
    command.args(functions::selection(apps)).env("CARGO_TARGET_DIR", &target);
    command.env("PATH", env::join_paths(folders).context("the PATH cannot be extended")?);
    step("Functions, release", || succeed(&mut command, "cargo lambda build"))?;
    let assets = target.join("lambda");
    if apps.contains(&App::Service) {
        functions::lay_out_viewer(workspace, &assets)?;
    }
    Ok(assets)
}

fn target_folder(workspace: &Workspace) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.root().join("target"), |folder| workspace.root().join(folder))
}
