//! Preflight: what would stop the deletion, found by reading alone.

use aws_sdk_cloudformation::primitives::DateTime;
use contract::{Blocker, Consent, Evidence, Noted, Planned, PlannedFate, Run, Strays};
use stacks::types;

use crate::{
    Context, StepError, fates,
    protections::{
        Protections, protected_log_groups, protected_tables, protected_user_pools, recoverable_tables,
    },
    strays, things,
    writers::{remembered, task_function},
};

/// `DynamoDB`, IAM and `CloudFormation` have clocks of their own.
const CLOCKS_DIFFER_SECONDS: i64 = 1;

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    if run.request.system_backup {
        let tables = recoverable_tables(context, &run).await?;
        run.inventory.extend(tables.iter().map(|table| things::system_backup(table)));
    }
    fates::abandon(&mut run, PlannedFate::Delete);
    fates::decide(&mut run)?;
    run.strays = strays::look(context, &run).await?;
    note_kept_strays(&mut run);
    let mut blockers = importers(context, &run).await?;
    blockers.extend(executor(context).await?);
    blockers.extend(frozen_by_nobody(context, &run).await?);
    blockers.extend(disabled_mappings(context, &run).await?);
    blockers.extend(unknown(context, &run));
    blockers.extend(strangers(context, &run).await?);
    blockers.extend(unconsented(context, &run).await?);
    run.blockers = blockers;
    Ok(run)
}

/// Notes records in a quarantine that stays.
fn note_kept_strays(run: &mut Run) {
    let stays = |strays: &&Strays| {
        run.inventory.iter().any(|it| it.physical_id == strays.place && it.fate == PlannedFate::Keep)
    };
    let kept: Vec<_> = run.strays.iter().filter(stays).cloned().collect();
    for strays in kept {
        let why = format!("{}; they are not in the audit log", strays.words());
        run.keep(Noted::resource(&strays.kind, &strays.place, why));
    }
}

/// Finds the stacks that import what this one exports: CloudFormation would refuse.
async fn importers(context: &Context<'_>, run: &Run) -> Result<Vec<Blocker>, StepError> {
    let Some(stack) = context.aws.stack(&run.stack()?.id).await? else { return Ok(Vec::new()) };
    let mut blockers = Vec::new();
    for export in stack.outputs().iter().filter_map(|output| output.export_name()) {
        let importers = context.aws.importers(export).await?;
        if !importers.is_empty() {
            let why = format!("the export {export} is in use by {}", importers.join(", "));
            blockers.push(Blocker { why, consent: None });
        }
    }
    Ok(blockers)
}

/// Finds out whether CloudFormation can assume the executor. Its trust is read: trying would need a deletion.
async fn executor(context: &Context<'_>) -> Result<Option<Blocker>, StepError> {
    let arn = &context.settings.executor_role_arn;
    let name = arn.rsplit('/').next().unwrap_or_default();
    let why = match context.aws.trust(name).await? {
        None => format!("the executor role {arn} does not exist: deploy the teardown stack again"),
        Some(trust) if !trust.contains("cloudformation.amazonaws.com") => {
            format!("CloudFormation may not assume the executor role {arn}: deploy the teardown stack again")
        }
        Some(_) => return Ok(None),
    };
    Ok(Some(Blocker { why, consent: None }))
}

/// Finds out whether the task function is stopped and nothing says what it was before: it could not be restored.
async fn frozen_by_nobody(context: &Context<'_>, run: &Run) -> Result<Option<Blocker>, StepError> {
    let Some(function) = task_function(run)? else { return Ok(None) };
    if context.aws.concurrency(&function).await? != Some(Some(0))
        || remembered(context, &run.stack()?.id, &function).await?.is_some()
    {
        return Ok(None);
    }
    let why = format!(
        "the task function is stopped (reserved concurrency 0), and no teardown remembers what it was: aws lambda \
         delete-function-concurrency --function-name {function}"
    );
    Ok(Some(Blocker { why, consent: None }))
}

/// Finds the stream mappings that are switched off: nothing could be drained, and the API would be stopped in vain.
async fn disabled_mappings(context: &Context<'_>, run: &Run) -> Result<Vec<Blocker>, StepError> {
    let mut blockers = Vec::new();
    for mapping in run.doomed(types::STREAM_MAPPING) {
        let id = &mapping.physical_id;
        if context.aws.mapping_is_disabled(id).await? {
            let why = format!(
                "the stream mapping {id} is disabled: aws lambda update-event-source-mapping --uuid {id} --enabled"
            );
            blockers.push(Blocker { why, consent: None });
        }
    }
    Ok(blockers)
}

/// Finds what the executor may not delete, and what the request abandons although it is not there: a name may be misspelt.
fn unknown(context: &Context<'_>, run: &Run) -> Vec<Blocker> {
    let own = run.inventory.iter().filter(|entry| !entry.logical_id.is_empty());
    let beyond = own
        .clone()
        .filter(|entry| entry.fate == PlannedFate::Delete && !context.settings.kinds.contains(&entry.kind));
    let beyond = beyond.map(|entry| {
        format!(
            "the executor may not delete {} ({}): deploy a teardown stack that knows this type, or leave the resource behind \
             (abandon: {})",
            entry.logical_id, entry.kind, entry.logical_id
        )
    });
    let there = |id: &String| own.clone().any(|entry| entry.logical_id == *id);
    let absent = run.request.abandon.iter().filter(|id| !there(id));
    let absent = absent.map(|id| format!("abandon names {id}, which the stack does not have"));
    beyond.chain(absent).map(|why| Blocker { why, consent: None }).collect()
}

/// Finds tables and roles that somebody made again by hand, under the name of one that the stack had: CloudFormation would delete
/// them by that name. A thing of its own is older than the time at which CloudFormation was last done with it.
async fn strangers(context: &Context<'_>, run: &Run) -> Result<Vec<Blocker>, StepError> {
    let listed = context.aws.stack_resources(&run.stack()?.id).await?;
    let done = |entry: &Planned| {
        let own = listed.iter().find(|it| it.logical_resource_id() == Some(&entry.logical_id));
        own.and_then(|it| it.last_updated_timestamp()).map(DateTime::secs)
    };
    let mut blockers = Vec::new();
    for entry in run.doomed(types::TABLE).chain(run.doomed(types::ROLE)) {
        let id = &entry.physical_id;
        let made = if entry.kind == types::TABLE {
            let table = context.aws.table(id).await?;
            table.and_then(|table| table.creation_date_time).map(|made| made.secs())
        } else {
            context.aws.role_created(id).await?
        };
        if made.zip(done(entry)).is_some_and(|(made, done)| made > done + CLOCKS_DIFFER_SECONDS) {
            let (kind, logical_id) = (&entry.kind, &entry.logical_id);
            let why = format!(
                "{kind} {id} is younger than what CloudFormation made: somebody made it again by hand. Leave it behind (abandon: \
                 {logical_id}), or delete it yourself"
            );
            blockers.push(Blocker { why, consent: None });
        }
    }
    Ok(blockers)
}

/// Finds what needs a consent that is not given.
async fn unconsented(context: &Context<'_>, run: &Run) -> Result<Vec<Blocker>, StepError> {
    // A protection lifted by a stopped run counts as on: the consent was given for that run.
    let lifted: Option<Protections> = context.recall(&run.stack()?.id, Evidence::Unprotect).await?;
    let lifted = lifted.unwrap_or_default();
    let mut found = Vec::new();
    if run.stack()?.termination_protected || lifted.termination {
        let what = "the stack has termination protection".to_owned();
        found.push((Consent::OverrideTerminationProtection, what));
    }
    let doomed = |kind: &'static str| move |id: &String| run.doomed(kind).any(|e| e.physical_id == *id);
    let mut tables = protected_tables(context, run).await?;
    tables.extend(lifted.tables.into_iter().filter(doomed(types::TABLE)));
    found.extend(
        tables
            .iter()
            .map(|table| (Consent::DeleteData, format!("the table {table} has deletion protection"))),
    );
    let mut pools = protected_user_pools(context, run).await?;
    pools.extend(lifted.user_pools.into_iter().filter(doomed(types::USER_POOL)));
    found.extend(
        pools
            .iter()
            .map(|pool| (Consent::DeleteData, format!("the user pool {pool} has deletion protection"))),
    );
    let mut groups = protected_log_groups(context, run).await?;
    groups.extend(lifted.log_groups.into_iter().filter(doomed(types::LOG_GROUP)));
    found.extend(groups.iter().map(|group| {
        (Consent::OverrideLogProtection, format!("the log group {group} has deletion protection"))
    }));
    let going = |strays: &&Strays| {
        run.inventory.iter().any(|it| it.physical_id == strays.place && it.fate == PlannedFate::Delete)
    };
    found.extend(run.strays.iter().filter(going).map(|strays| (Consent::EmptyBuckets, strays.words())));
    let blocker = |(consent, what): (Consent, String)| Blocker {
        why: format!("{what}: consent with {consent}"),
        consent: Some(consent),
    };
    Ok(found.into_iter().filter(|(consent, _)| !run.request.consents(*consent)).map(blocker).collect())
}
