//! Preflight: what would stop the deletion, found by reading alone.

use std::collections::BTreeSet;

use contract::{Blocker, Consent, Evidence, Run};

use crate::{
    Context, StepError,
    aws::types,
    fates,
    protections::{
        Protections, protected_log_groups, protected_tables, protected_user_pools, recoverable_tables,
    },
    things,
};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    if run.request.system_backup {
        let tables = recoverable_tables(context, &run).await?;
        run.inventory.extend(tables.iter().map(|table| things::system_backup(table)));
    }
    fates::decide(&mut run)?;
    let mut blockers = importers(context, &run).await?;
    blockers.extend(executor(context).await?);
    blockers.extend(unconsented(context, &run).await?);
    run.blockers = blockers;
    Ok(run)
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
    let buckets = filled_buckets(context, run).await?;
    found.extend(
        buckets.iter().map(|bucket| (Consent::EmptyBuckets, format!("the bucket {bucket} is not empty"))),
    );
    let blocker = |(consent, what): (Consent, String)| Blocker {
        why: format!("{what}: consent with {consent}"),
        consent: Some(consent),
    };
    Ok(found.into_iter().filter(|(consent, _)| !run.request.consents(*consent)).map(blocker).collect())
}

/// Lists the buckets that hold anything: CloudFormation would not delete them, and would say so when half the stack is gone.
async fn filled_buckets(context: &Context<'_>, run: &Run) -> Result<BTreeSet<String>, StepError> {
    let mut filled = BTreeSet::new();
    for bucket in run.doomed(types::BUCKET) {
        if context.aws.bucket_is_filled(&bucket.physical_id).await? {
            filled.insert(bucket.physical_id.clone());
        }
    }
    Ok(filled)
}
