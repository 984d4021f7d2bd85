//! `taskctl audit`: reads the audit log.

mod actor;
mod export;
mod keys;
mod listing;
pub mod output;
mod replay;
mod report;
mod search;
mod shred_proof;
mod stoppable;
mod tail;
mod task;
mod verify;

use self::stoppable::stoppable;
use crate::{
    account::{clients::Aws, service},
    cli::{
        audit_args::{AuditArgs, AuditCommand, RangeArgs},
        failure::{Exit, Failure},
    },
    terminal::clock,
};

/// Runs a command that needs no account; `None` for all others.
pub fn offline(args: &AuditArgs) -> Option<Result<Exit, Failure>> {
    match &args.command {
        AuditCommand::Verify(args) => args.bundle.as_deref().map(|bundle| verify::offline(bundle, args)),
        _ => None,
    }
}

pub async fn run(aws: &Aws, args: &AuditArgs) -> Result<Exit, Failure> {
    let stage = args.stage.as_deref();
    let group = service::audit_group(aws, stage)?;
    match &args.command {
        AuditCommand::Tail(args) => tail::run(aws, &group, args).await,
        AuditCommand::Task(args) => task::run(aws, &group, args).await,
        AuditCommand::Actor(args) => actor::run(aws, &group, args).await,
        AuditCommand::Search(args) => search::run(aws, &group, args).await,
        AuditCommand::Export(args) => stoppable(Box::pin(export::run(aws, stage, &group, args))).await,
        AuditCommand::Verify(args) => stoppable(Box::pin(verify::run(aws, stage, args))).await,
        AuditCommand::Keys => keys::run(aws, stage).await,
        AuditCommand::Replay(args) => replay::run(aws, &service::find(aws, stage).await?, args).await,
        AuditCommand::ShredProof(args) => {
            shred_proof::run(aws, &service::find(aws, stage).await?, args).await
        }
        AuditCommand::Report(args) => stoppable(Box::pin(report::run(aws, stage, &group, args))).await,
    }
}

/// Returns a name that nothing else has.
fn random_id() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::failed(format!("no random number: {error}")))?;
    Ok(hex::encode(bytes))
}

/// Refuses a range that ends before it begins.
fn checked(range: RangeArgs) -> Result<RangeArgs, Failure> {
    match (range.since, range.until) {
        (Some(since), Some(until)) if since > until => Err(Failure::usage(format!(
            "--since {} is after --until {}",
            clock::date_time(since),
            clock::date_time(until)
        ))),
        _ => Ok(range),
    }
}
