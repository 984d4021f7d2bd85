//! `cargo xtask deploy` and `destroy`: the service on the user's AWS account.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use deployment::names::{self, ACCOUNT_STACK, service_stack};

use crate::cdk::{App, Cdk, Settings, Target};
use crate::checks::succeed;
use crate::functions;
use crate::install;
use crate::lock::Lock;
use crate::log_role;
use crate::principals;
use crate::progress::step;
use crate::tools;
use crate::workspace::Workspace;

/// Where and as whom.
#[derive(Args, Clone, Debug)]
pub struct AccountArgs {
    /// Profile of ~/.aws/config [default: what the AWS environment variables say]
    #[arg(long)]
    profile: Option<String>,
    /// Region [default: the profile's]
    #[arg(long)]
    region: Option<String>,
}

impl AccountArgs {
    /// For CDK.
    pub fn target(&self) -> Target {
        Target::Aws { profile: self.profile.clone(), region: self.region.clone() }
    }
}

/// What `deploy` may be told.
#[derive(Args, Debug)]
pub struct DeployArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Names the environment, the stack (tasks-STAGE) and the API's stage
    #[arg(long, default_value = "dev", value_parser = stage)]
    stage: String,
    /// Who may call: the file that `cargo xtask token` writes [default: .local/deploy/STAGE/principals.json]
    #[arg(long, value_name = "FILE")]
    principals: Option<PathBuf>,
    /// Processor of the functions
    #[arg(long, value_enum, default_value = "arm64")]
    architecture: Architecture,
    /// Origins whose pages may call the API, comma separated; required for every stage but dev
    #[arg(long, value_name = "LIST")]
    allowed_origins: Option<String>,
    /// More settings of the CDK app, such as `--context deletionProtection=true` (see docs)
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// First make what CDK needs in the account and region (once for each)
    #[arg(long)]
    bootstrap: bool,
}

/// What `destroy` may be told.
#[derive(Args, Debug)]
pub struct DestroyArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Names the environment, the stack (tasks-STAGE) and the API's stage
    #[arg(long, default_value = "dev", value_parser = stage)]
    stage: String,
}

/// Processor of the functions on AWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Architecture {
    #[value(name = "arm64")]
    Arm64,
    #[value(name = "x86_64")]
    X86,
}

impl Architecture {
    /// The CDK apps' word for it.
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

/// Builds for Lambda and deploys.
pub fn deploy(workspace: &Workspace, args: &DeployArgs) -> Result<()> {
    // What is wrong is said before minutes of compiling.
    let principals = args.principals.clone().unwrap_or_else(|| default_principals(workspace, &args.stage));
    if principals::read(&principals)?.is_empty() {
        bail!(
            "{} names nobody who may call the service.\n  Make a token first: cargo xtask token --id NAME --owner NAME --principals {}",
            principals.display(),
            principals.display()
        );
    }
    principals::judge(workspace, &principals)?;
    if args.stage != "dev" && args.allowed_origins.is_none() {
        bail!("--allowed-origins is required for stage {}: `*` is for dev only", args.stage);
    }
    tools::node()?;
    let assets = release(workspace, args.architecture)?;
    let folder = deploy_folder(workspace, &args.stage);
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let _lock = Lock::wait(&folder.join("lock"), "another deployment of this stage")?;
    let settings = Settings {
        stage: args.stage.clone(),
        architecture: args.architecture.context().to_owned(),
        assets,
        principals: principals.canonicalize().context("the principals file cannot be read")?,
        more: args
            .allowed_origins
            .iter()
            .map(|list| format!("allowedOrigins={list}"))
            .chain(args.context.clone())
            .collect(),
    };
    let cdk = cdk(workspace, &args.account, folder);
    step("CDK template", || cdk.synthesise(App::Service, &settings))?;
    if args.bootstrap {
        step("CDK bootstrap", || cdk.bootstrap())?;
    }
    log_role::ensure(&cdk)?;
    let outputs = step(&format!("Deployment of {}", settings.stack(App::Service)), || cdk.deploy(App::Service, &settings)).context(
        "the deployment failed.\n  Are the account, the region and the profile right (`--profile`, `--region`)? Was the account prepared \
         for CDK in this region (`--bootstrap`)?",
    )?;
    println!("\nThe service is deployed.\n");
    for (name, value) in &outputs {
        println!("  {name:<20} {value}");
    }
    println!("\nCall it with a token from `cargo xtask token`: Authorization: Bearer TOKEN");
    Ok(())
}

/// Deletes the stack of a stage.
pub fn destroy(workspace: &Workspace, args: &DestroyArgs) -> Result<()> {
    let stage = &args.stage;
    let folder = deploy_folder(workspace, stage);
    if !folder.join("cdk.out/manifest.json").is_file() {
        bail!(
            "stage {stage} was not deployed from this clone.\n  Run this where it was deployed, or: aws cloudformation delete-stack \
             --stack-name {}",
            service_stack(stage)
        );
    }
    tools::node()?;
    install::cdk(workspace)?;
    let _lock = Lock::wait(&folder.join("lock"), "a deployment of this stage")?;
    cdk(workspace, &args.account, folder).destroy(&service_stack(stage))?;
    println!(
        "\nThe service is deleted. Kept on purpose:\n  /tasks/{stage}/audit   the audit log, which the next deployment takes over \
         (or: aws logs delete-log-group --log-group-name /tasks/{stage}/audit)\n  $DeletedTableBackup of the table   DynamoDB's \
         own backup of a deleted table with point-in-time recovery, for 35 days\n  {ACCOUNT_STACK}   API Gateway's log role, \
         which is the account's and not the stage's\nNothing here proves that all else is gone: the teardown workflow does \
         (`cargo xtask deploy-teardown`, docs/teardown.md)."
    );
    Ok(())
}

/// The principals of a stage, unless the user keeps them elsewhere.
pub fn default_principals(workspace: &Workspace, stage: &str) -> PathBuf {
    deploy_folder(workspace, stage).join("principals.json")
}

/// Takes the name of a stage from the command line.
pub fn stage(text: &str) -> Result<String, String> {
    names::check_stage(text).map(|()| text.to_owned())
}

/// Builds every function for Lambda with what that needs; the folder of the results.
pub fn release(workspace: &Workspace, architecture: Architecture) -> Result<PathBuf> {
    tools::rust_target(architecture.rust_target())?;
    install::cdk(workspace)?;
    install::cargo_lambda(workspace)?;
    let target = target_folder(workspace);
    let venv = workspace.lambda_venv().join("bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(venv).chain(env::split_paths(&path));
    let mut command = workspace.cargo(&["lambda", "build", "--release", architecture.flag()]);
    // CARGO_TARGET_DIR, never --target-dir: cargo-lambda looks for the binaries in the former.
    command.args(functions::ALL).env("CARGO_TARGET_DIR", &target);
    command.env("PATH", env::join_paths(folders).context("the PATH cannot be extended")?);
    step("Functions, release", || succeed(&mut command, "cargo lambda build"))?;
    Ok(target.join("lambda"))
}

fn target_folder(workspace: &Workspace) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.root().join("target"), |folder| workspace.root().join(folder))
}

/// Where the files of a deployment are.
pub fn deploy_folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.scratch().join("deploy").join(name)
}

fn cdk<'a>(workspace: &'a Workspace, account: &AccountArgs, folder: PathBuf) -> Cdk<'a> {
    Cdk { workspace, target: account.target(), folder }
}
