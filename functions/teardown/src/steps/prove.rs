//! Prove: each thing of the inventory is shown absent by its own service. An error is no proof.
//!
//! A thing that is still shown is looked at again, after a wait of the state machine: S3, IAM and CloudWatch Logs show a
//! deleted thing for some seconds, and `CloudFormation` in Express mode says `DELETE_COMPLETE` while services still delete.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::BackupTypeFilter;
use contract::{
    Evidence, Found, FoundFate, Noted, Planned, PlannedFate, Run, limits::GOING_SECONDS, names::Named,
};

use crate::{
    Context, StepError,
    aws::{Presence, done, types, unproven},
    presence,
    things::{SYSTEM_BACKUP_WHY, entry},
};

/// The number of looks, 5 s apart, after which something still shown is believed to stay.
const LOOKS: u32 = 5;

/// The result of a look at an entry.
enum Seen {
    /// It was not looked for, or is still there: it is to stay.
    Stays,
    /// Absent, and a new stack has its name.
    Replaced,
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
    let mut seen = Vec::with_capacity(run.inventory.len());
    for entry in &run.inventory {
        let look = match entry.fate {
            PlannedFate::Delete if theirs.contains(&entry.physical_id) => Seen::Replaced,
            PlannedFate::Delete => Seen::Shown(presence::look(context.aws, entry, &ours).await?),
            // Somebody may have removed what was to stay, and the report must not claim otherwise.
            PlannedFate::Keep if entry.kind == types::LOG_GROUP || entry.kind == types::BUCKET => {
                match presence::look(context.aws, entry, &ours).await? {
                    Presence::Absent => Seen::Shown(Presence::Absent),
                    Presence::Present | Presence::Going | Presence::Unproven(_) => Seen::Stays,
                }
            }
            PlannedFate::Keep => Seen::Stays,
        };
        seen.push((entry.clone(), look));
    }
    Ok(seen)
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
        Seen::Stays => (FoundFate::Kept, entry.why.clone()),
        Seen::Replaced => {
            (FoundFate::Absent, "what has its name is a new stack's of the same name".to_owned())
        }
        Seen::Shown(Presence::Absent) if entry.fate == PlannedFate::Keep => {
            run.kept.retain(|noted| !noted.is_about(&entry.kind, &entry.physical_id));
            (FoundFate::Absent, "to be kept, but removed by somebody else".to_owned())
        }
        Seen::Shown(Presence::Absent) => (FoundFate::Absent, "shown absent by its service".to_owned()),
        Seen::Shown(Presence::Present | Presence::Going) if types::parent(&entry.kind).is_some() => {
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
        FoundFate::Absent | FoundFate::Kept => {}
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
