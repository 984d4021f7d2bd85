//! The role with which API Gateway writes logs: one setting per account and region, made once where none is set.
//!
//! It is not in the service stack: two stages deployed at the same time would both change it, and API Gateway takes one
//! change in 20 seconds (docs/decisions/0021).

use std::time::Duration;

use anyhow::{Result, bail};
use deployment::names::ACCOUNT_STACK;

use crate::service::cdk::{App, Cdk};
use crate::tools::lock::Lock;
use crate::tools::process::pause;
use crate::tools::progress::step;

/// The pause between looks at the setting, and their number, while another machine may be making it.
const LOOK: Duration = Duration::from_secs(5);
const LOOKS: u32 = 12;

/// Deploys the account's stack if API Gateway has no role yet. A role that is set already stays.
pub fn ensure(cdk: &Cdk<'_>) -> Result<()> {
    let path = cdk.workspace.scratch().join("log-role.lock");
    let _lock = Lock::wait(&path, "another look at API Gateway's log role")?;
    match cdk.log_role() {
        Ok(Some(_)) => return Ok(()),
        Ok(None) => {}
        Err(why) => {
            // A user who deploys through CDK's roles alone need not be allowed to read it.
            eprintln!(
                "note: this user may not read whether API Gateway can write logs here; assuming that it can: {why:#}"
            );
            return Ok(());
        }
    }
    let deployed =
        step(&format!("Deployment of {ACCOUNT_STACK}"), || cdk.deploy_stack(App::Service, ACCOUNT_STACK));
    match deployed {
        Ok(_) if cdk.log_role()?.is_some() => Ok(()),
        Ok(outputs) => bail!(
            "the stack {ACCOUNT_STACK} is deployed, but its setting was taken away since.\n  Set it again: aws apigateway \
             update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value={}",
            outputs.get("LogRoleArn").map_or("ARN", String::as_str)
        ),
        Err(failure) => made_by_another(cdk, failure),
    }
}

/// Waits for the role after a failed deployment: another machine may be deploying the same stack.
fn made_by_another(cdk: &Cdk<'_>, failure: anyhow::Error) -> Result<()> {
    eprintln!(
        "{ACCOUNT_STACK} could not be deployed; waiting up to {} s in case another machine is deploying it",
        LOOK.as_secs() * u64::from(LOOKS)
    );
    for _ in 0..LOOKS {
        if cdk.log_role()?.is_some() {
            return Ok(());
        }
        pause(LOOK)?;
    }
    Err(failure)
}
