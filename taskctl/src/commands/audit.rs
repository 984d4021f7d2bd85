//! `taskctl audit`: reads the audit log.

mod actor;
mod export;
mod listing;
mod output;
mod replay;
mod report;
mod search;
mod shred_proof;
mod tail;
mod task;

use crate::{
    account::{clients::Aws, service},
    cli::{
        audit_args::{AuditArgs, AuditCommand, RangeArgs},
        failure::{Exit, Failure},
    },
    terminal::clock,
};

pub async fn run(aws: &Aws, args: &AuditArgs) -> Result<Exit, Failure> {
    let stage = args.stage.as_deref();
    let group = service::audit_group(aws, stage)?;
    match &args.command {
        AuditCommand::Tail(args) => tail::run(aws, &group, args).await,
        AuditCommand::Task(args) => task::run(aws, &group, args).await,
        AuditCommand::Actor(args) => actor::run(aws, &group, args).await,
        AuditCommand::Search(args) => search::run(aws, &group, args).await,
        AuditCommand::Export(args) => export::run(aws, &group, args).await,
        AuditCommand::Replay(args) => replay::run(aws, &service::find(aws, stage).await?, args).await,
        AuditCommand::ShredProof(args) => {
            shred_proof::run(aws, &service::find(aws, stage).await?, args).await
        }
        AuditCommand::Report(args) => report::run(aws, &group, args).await,
    }
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
