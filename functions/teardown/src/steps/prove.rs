//! Prove: each thing of the inventory is shown absent by its own service. An error is no proof.
//!
//! A thing that is still shown is looked at again, after a wait of the state machine.

use aws_sdk_dynamodb::types::BackupTypeFilter;
use contract::{Evidence, Found, FoundFate, Noted, PlannedFate, Run, limits::GOING_SECONDS, names::Named};
use stacks::{Presence, done, proof, types, unproven};

use crate::{Context, StepError, things::SYSTEM_BACKUP_WHY};

/// Also reports what an earlier run could not drain, and was stopped before it reported it.
pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let proven_before = proven_before(context, &run).await?;
    let proof = proof::look(context.aws, run.stack.as_ref(), &run.inventory, proven_before).await?;
    if !proof.is_settled(run.times(), || run.expired(context.now.unix_seconds(), GOING_SECONDS)) {
        run.again = true;
        return Ok(run);
    }
    run.deadline = None;
    run.found = proof.conclude();
    note(&mut run);
    run.inventory.clear();
    note_system_backups(context, &mut run).await?;
    if let Some(stack) = run.stack.clone()
        && let Some(why) = context.recall::<String>(&stack.id, Evidence::Unaudited).await?
    {
        run.not_proven(Noted::completeness(&Named::AuditLog.of(&stack.name), why));
    }
    Ok(run)
}

/// Tells whether an earlier run has shown everything absent.
async fn proven_before(context: &Context<'_>, run: &Run) -> Result<bool, StepError> {
    let Some(stack) = &run.stack else { return Ok(false) };
    let done: Option<String> = context.recall(&stack.id, Evidence::Done).await?;
    Ok(done.is_some_and(|execution| execution != context.execution))
}

/// Notes what was found. Something that was to stay but is absent is no longer noted as kept.
fn note(run: &mut Run) {
    let (planned, found) = (run.inventory.clone(), run.found.clone());
    for (planned, found) in planned.iter().zip(&found) {
        match found.fate {
            FoundFate::Present | FoundFate::Unproven => run.not_proven(Noted::entry(found)),
            FoundFate::Kept => run.keep(Noted::entry(found)),
            FoundFate::Absent if planned.fate == PlannedFate::Keep => {
                run.kept.retain(|noted| !noted.is_about(&found.kind, &found.physical_id));
            }
            FoundFate::Absent => {}
        }
    }
}

/// Notes the backup that a table with point-in-time recovery leaves behind whoever deletes it: this workflow or somebody else.
async fn note_system_backups(context: &Context<'_>, run: &mut Run) -> Result<(), StepError> {
    let absent = |entry: &&Found| entry.kind == types::TABLE && entry.fate == FoundFate::Absent;
    let tables: Vec<_> = run.found.iter().filter(absent).map(|table| table.physical_id.clone()).collect();
    for table in tables {
        let listed = context.aws.dynamodb.list_backups().table_name(&table);
        let listed = listed.backup_type(BackupTypeFilter::System).send().await;
        match done(listed, "listing system backups") {
            Ok(listed) => {
                for arn in listed.backup_summaries().iter().filter_map(|backup| backup.backup_arn()) {
                    run.keep(Noted::backup(arn, SYSTEM_BACKUP_WHY));
                }
            }
            Err(error) => {
                if let Presence::Unproven(why) = unproven(error)? {
                    let what = format!("system backups of {table}");
                    run.not_proven(Noted::new(Noted::SYSTEM_BACKUPS, &table, what, why));
                }
            }
        }
    }
    Ok(())
}
