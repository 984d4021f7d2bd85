//! Prove: each thing of the inventory is shown absent by its own service. An error is no proof.
//!
//! A thing that is still shown is looked at again, after a wait of the state machine: S3, IAM and CloudWatch Logs show a
//! deleted thing for some seconds, and `CloudFormation` in Express mode says `DELETE_COMPLETE` while services still delete.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::BackupTypeFilter;
use contract::{
    Evidence, Found, FoundFate, Noted, Planned, PlannedFate, Run, limits::GOING_SECONDS, names::Named,
};
use stacks::{Presence, done, inventory::entry, presence, types, unproven};

use crate::{Context, StepError, things::SYSTEM_BACKUP_WHY};

/// The number of looks, 5 s apart, after which something still shown is believed to stay.
const LOOKS: u32 = 5;

/// The result of a look at an entry.
enum Seen {
    /// It was not looked for, or is still there: it is to stay.
    Stays,
    /// Absent, and a new stack has its name.
    Replaced,
    /// There, and not the stack's any more when that was deleted.
    Left,
    /// There again, after an earlier run had shown it absent.
    MadeAgain,
    Shown(Presence),
}

/// Also reports what an earlier run could not drain, and was stopped before it reported it.
pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let seen = look_at_everything(context, &run).await?;
    let shown = |presence: &Presence| {
        seen.iter().any(|(_, seen)| matches!(seen, Seen::Shown(shown) if shown == presence))
    };
    let going = shown(&Presence::Going) && !run.expired(context.now.unix_seconds(), GOING_SECONDS);
    if going || (shown(&Presence::Present) && run.times() < LOOKS) {
        run.again = true;
        return Ok(run);
    }
    run.deadline = None;
    run.found = seen.into_iter().map(|(entry, seen)| concluded(&mut run, entry, seen)).collect();
    run.inventory.clear();
    note_system_backups(context, &mut run).await?;
    if let Some(stack) = run.stack.clone()
        && let Some(why) = context.recall::<String>(&stack.id, Evidence::Unaudited).await?
    {
        run.not_proven(Noted::completeness(&Named::AuditLog.of(&stack.name), why));
    }
    Ok(run)
}

async fn look_at_everything(context: &Context<'_>, run: &Run) -> Result<Vec<(Planned, Seen)>, StepError> {
    let theirs = successors_things(context, run).await?;
    let ours: Vec<_> =
        run.inventory.iter().filter(|entry| !theirs.contains(&entry.physical_id)).cloned().collect();
    let wanted: Vec<_> = ours.iter().filter(|entry| is_looked_for(entry)).collect();
    let shown = presence::looks(context.aws, &wanted, &ours).await?;
    let shown: BTreeMap<_, _> = wanted.into_iter().map(key).zip(shown).collect();
    let done: Option<String> = match &run.stack {
        Some(stack) => context.recall(&stack.id, Evidence::Done).await?,
        None => None,
    };
    let proven_before = done.is_some_and(|execution| execution != context.execution);
    let seen = |entry: &Planned| match shown.get(&key(entry)) {
        None if entry.fate != PlannedFate::Keep => Seen::Replaced,
        None => Seen::Stays,
        Some(Presence::Absent) => Seen::Shown(Presence::Absent),
        Some(_) if entry.fate == PlannedFate::Keep => Seen::Stays,
        Some(Presence::Present) if entry.fate == PlannedFate::Earlier => Seen::Left,
        Some(Presence::Present) if proven_before => Seen::MadeAgain,
        Some(shown) => Seen::Shown(shown.clone()),
    };
    Ok(run.inventory.iter().map(|entry| (entry.clone(), seen(entry))).collect())
}

/// Tells whether an entry is looked for. Somebody may have removed what was to stay, and the report must not claim otherwise.
fn is_looked_for(entry: &Planned) -> bool {
    entry.fate != PlannedFate::Keep || entry.kind == types::LOG_GROUP || entry.kind == types::BUCKET
}

fn key(entry: &Planned) -> (String, String, String) {
    (entry.kind.clone(), entry.logical_id.clone(), entry.physical_id.clone())
}

/// Lists the things of a new stack of this name: they have the old names, but are not the old things.
async fn successors_things(context: &Context<'_>, run: &Run) -> Result<BTreeSet<String>, StepError> {
    let Some(stack) = &run.stack else { return Ok(BTreeSet::new()) };
    match context.aws.successor(&stack.name, &stack.id).await? {
        Some(id) => {
            let listed = context.aws.stack_resources(&id).await?;
            Ok(listed.iter().map(|resource| entry(resource).physical_id).collect())
        }
        None => Ok(BTreeSet::new()),
    }
}

/// Returns an entry with the fate that was found. Something that was to stay but is absent is no longer noted as kept.
fn concluded(run: &mut Run, entry: Planned, seen: Seen) -> Found {
    let (fate, why) = match seen {
        Seen::Stays | Seen::Left => (FoundFate::Kept, entry.why.clone()),
        Seen::Replaced => {
            (FoundFate::Absent, "what has its name is a new stack's of the same name".to_owned())
        }
        Seen::MadeAgain => {
            (FoundFate::Kept, "made after everything of the stack had been proven absent".to_owned())
        }
        Seen::Shown(Presence::Absent) if entry.fate == PlannedFate::Keep => {
            run.kept.retain(|noted| !noted.is_about(&entry.kind, &entry.physical_id));
            (FoundFate::Absent, "to be kept, but removed by somebody else".to_owned())
        }
        Seen::Shown(Presence::Absent) => (FoundFate::Absent, "shown absent by its service".to_owned()),
        Seen::Shown(Presence::Present | Presence::Going) if types::whole(&entry.kind).is_some() => {
            (FoundFate::Unproven, "what it is a part of is still there".to_owned())
        }
        Seen::Shown(Presence::Present) => (FoundFate::Present, "still there".to_owned()),
        Seen::Shown(Presence::Going) => {
            (FoundFate::Present, format!("still being deleted after {GOING_SECONDS} s"))
        }
        Seen::Shown(Presence::Unproven(why)) => (FoundFate::Unproven, why),
    };
    let found = entry.with(fate, why);
    match fate {
        FoundFate::Present | FoundFate::Unproven => run.not_proven(Noted::entry(&found)),
        FoundFate::Kept => run.keep(Noted::entry(&found)),
        FoundFate::Absent => {}
    }
    found
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
