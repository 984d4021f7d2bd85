//! Preflight: what would stop the deletion, found by reading alone.

use contract::{Blocker, Consent, Evidence, Noted, Planned, PlannedFate, Run, Strays};
use stacks::{
    inventory::{self, RoleState},
    types,
};

use crate::{
    Context, StepError, fates,
    protections::{
        Protections, protected_log_groups, protected_tables, protected_user_pools, recoverable_tables,
    },
    strays, things,
    writers::{remembered, task_function},
};

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
    let used = inventory::exports_in_use(context.aws, &run.stack()?.id).await?;
    let blocker = |(export, importers): (String, Vec<String>)| Blocker {
        why: format!("the export {export} is in use by {}", importers.join(", ")),
        consent: None,
    };
    Ok(used.into_iter().map(blocker).collect())
}

/// Finds out whether CloudFormation can assume the executor.
async fn executor(context: &Context<'_>) -> Result<Option<Blocker>, StepError> {
    let arn = &context.settings.executor_role_arn;
    let why = match inventory::may_be_assumed(context.aws, arn, "reading the executor role").await? {
        RoleState::Gone => format!("the executor role {arn} does not exist: deploy the teardown stack again"),
        RoleState::Distrusts => {
            format!("CloudFormation may not assume the executor role {arn}: deploy the teardown stack again")
        }
        RoleState::There => return Ok(None),
    };
    Ok(Some(Blocker { why, consent: None }))
}

/// Finds out whether the task function is stopped and nothing says what it was before: it could not be restored.
async fn frozen_by_nobody(context: &Context<'_>, run: &Run) -> Result<Option<Blocker>, StepError> {
    let Some(function) = task_function(run)? else { return Ok(None) };
    if context.concurrency(&function).await? != Some(Some(0))
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

/// Finds tables and roles that somebody made again by hand, under the name of one that the stack had.
async fn strangers(context: &Context<'_>, run: &Run) -> Result<Vec<Blocker>, StepError> {
    let doomed: Vec<_> = run.doomed(types::TABLE).chain(run.doomed(types::ROLE)).collect();
    let strangers = inventory::strangers(context.aws, &run.stack()?.id, &doomed).await?;
    let blocker = |Planned { kind, logical_id, physical_id, .. }: Planned| Blocker {
        why: format!(
            "{kind} {physical_id} is younger than what CloudFormation made: somebody made it again by hand. Leave it behind \
             (abandon: {logical_id}), or delete it yourself"
        ),
        consent: None,
    };
    Ok(strangers.into_iter().map(blocker).collect())
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
