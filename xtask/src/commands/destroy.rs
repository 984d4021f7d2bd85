//! `cargo xtask destroy`: deletes the service's stack from the user's AWS account.

use anyhow::{Result, bail};
use clap::Args;
use deployment::names::{ACCOUNT_STACK, service_stack};

use crate::account::folder::deploy_folder;
use crate::account::target::{AccountArgs, stage};
use crate::service::cdk::Cdk;
use crate::tools::install;
use crate::tools::lock::Lock;
use crate::tools::programs;
use crate::tools::workspace::Workspace;

/// The options of `destroy`.
#[derive(Args, Debug)]
pub struct DestroyArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Names the environment, the stack (tasks-STAGE) and the API's stage
    #[arg(long, default_value = "dev", value_parser = stage)]
    stage: String,
}

/// Deletes the stack of a stage.
pub fn run(workspace: &Workspace, args: &DestroyArgs) -> Result<()> {
    let stage = &args.stage;
    let folder = deploy_folder(workspace, stage);
    if !folder.join("cdk.out/manifest.json").is_file() {
        bail!(
            "stage {stage} was not deployed from this clone.\n  Run this where it was deployed, or: aws cloudformation delete-stack \
             --stack-name {}",
            service_stack(stage)
        );
    }
    programs::node()?;
    install::cdk(workspace)?;
    let _lock = Lock::wait(&folder.join("lock"), "a deployment of this stage")?;
    Cdk { workspace, target: args.account.target(), folder }.destroy(&service_stack(stage))?;
    println!(
        "\nThe service is deleted. Kept on purpose:\n  /tasks/{stage}/audit   the audit log, which the next deployment takes over \
         (or: aws logs delete-log-group --log-group-name /tasks/{stage}/audit)\n  its seal   the bucket \
         of checkpoints, their copies in /tasks/{stage}/checkpoints, and the key that signed them (docs/teardown.md says how to remove \
         them)\n  $DeletedTableBackup of the table   DynamoDB's \
         own backup of a deleted table with point-in-time recovery, for 35 days\n  {ACCOUNT_STACK}   API Gateway's log role, \
         which is the account's and not the stage's\nNothing here proves that all else is gone: the teardown workflow does \
         (`cargo xtask deploy-teardown`, docs/teardown.md)."
    );
    Ok(())
}
