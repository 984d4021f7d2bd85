//! `cargo xtask deploy`: the service on the user's AWS account.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::account::folder::{default_principals, deploy_folder};
use crate::account::release::{Architecture, release};
use crate::account::target::{AccountArgs, stage};
use crate::service::cdk::{App, Cdk, Settings};
use crate::service::log_role;
use crate::service::principals;
use crate::service::stopped;
use crate::tools::lock::Lock;
use crate::tools::programs;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// The options of `deploy`.
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
    /// The issuers whose JWTs are accepted (see docs/auth.md)
    #[arg(long, value_name = "FILE")]
    issuers: Option<PathBuf>,
    /// Processor of the functions
    #[arg(long, value_enum, default_value = "arm64")]
    architecture: Architecture,
    /// Origins whose pages may call the API, comma separated; required for every stage but dev
    #[arg(long, value_name = "LIST")]
    allowed_origins: Option<String>,
    /// More settings of the CDK app, such as `--context deletionProtection=true` (see cdk/README.md)
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// First make what CDK needs in the account and region (once per account and region)
    #[arg(long)]
    bootstrap: bool,
}

/// Builds for Lambda and deploys.
pub fn run(workspace: &Workspace, args: &DeployArgs) -> Result<()> {
    // What is wrong is said before minutes of compiling.
    let principals = callers(workspace, args)?;
    let issuers = args.issuers.as_ref().map(|path| canonical(path, "issuers")).transpose()?;
    if let Some(path) = &issuers {
        principals::judge(workspace, "issuers", path)?;
    }
    if args.stage != "dev" && args.allowed_origins.is_none() {
        bail!("--allowed-origins is required for stage {}: `*` is for dev only", args.stage);
    }
    programs::node()?;
    let assets = release(workspace, args.architecture, &[App::Service])?;
    let folder = deploy_folder(workspace, &args.stage);
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let _lock = Lock::wait(&folder.join("lock"), "another deployment of this stage")?;
    let settings = Settings {
        stage: args.stage.clone(),
        architecture: args.architecture.context().to_owned(),
        assets,
        principals,
        more: args
            .allowed_origins
            .iter()
            .map(|list| format!("allowedOrigins={list}"))
            .chain(issuers.iter().map(|path| format!("issuers={}", path.display())))
            .chain(args.context.clone())
            .collect(),
    };
    let cdk = Cdk { workspace, target: args.account.target(), folder };
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
    stopped::say(&cdk, &settings.stack(App::Service));
    println!(
        "\nCall it with a token from `cargo xtask token`, or with a JWT (docs/auth.md): Authorization: Bearer TOKEN"
    );
    Ok(())
}

/// Returns the principals file, judged; none if it names nobody and callers come with JWTs.
fn callers(workspace: &Workspace, args: &DeployArgs) -> Result<Option<PathBuf>> {
    let path = args.principals.clone().unwrap_or_else(|| default_principals(workspace, &args.stage));
    if principals::read(&path)?.is_empty() {
        if args.issuers.is_some() || args.context.iter().any(|setting| setting == "auth=cognito") {
            return Ok(None);
        }
        bail!(
            "{0} names nobody who may call the service.\n  Make a token first: cargo xtask token --id NAME --owner NAME \
             --principals {0}\n  Or accept JWTs: --context auth=cognito, or --issuers FILE",
            path.display(),
        );
    }
    principals::judge(workspace, "principals", &path)?;
    canonical(&path, "principals").map(Some)
}

/// Returns a path that the CDK app understands, which runs in a folder of its own.
fn canonical(path: &Path, what: &str) -> Result<PathBuf> {
    path.canonicalize().with_context(|| format!("the {what} file {} cannot be read", path.display()))
}
