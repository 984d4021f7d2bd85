//! Sweep: log groups that `CloudFormation` does not delete with the stack. Done twice, since a function's last lines may make
//! its log group again.
//!
//! A group is swept that was planned, or that AWS made again since the deletion began, for a function or an API that is deleted. One
//! of that name that is older, or another stack's, or made after everything was proven, is somebody else's.

use std::collections::BTreeSet;

use contract::{Consent, Evidence, Noted, Planned, PlannedFate, Run, limits::SWEEPS, names::Named};
use stacks::{Error, LogGroup, inventory::implicit_log_groups, is_protected, types};

use crate::{Context, StepError, error::all_of, fates, strays};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    if run.sweeps == 0 {
        fates::settle(context, &mut run).await?;
        leave_logs_of_what_stays(context, &mut run).await?;
    }
    // Every sweep says again what it could not do.
    run.unproven.retain(|noted| noted.kind != types::LOG_GROUP);
    match sweep_all(context, &mut run).await {
        Ok(()) => {}
        // What is left is looked for all the same.
        Err(StepError::Failed(why)) => {
            run.not_proven(Noted::new(types::LOG_GROUP, "", "log groups that AWS made again", why));
        }
        Err(error) => return Err(error),
    }
    run.sweeps += 1;
    run.again = run.sweeps < SWEEPS;
    Ok(run)
}

async fn sweep_all(context: &Context<'_>, run: &mut Run) -> Result<(), StepError> {
    // A new stack of this name has log groups of the same names, so only those with the old API's id are certainly not its own.
    let successor = match &run.stack {
        Some(stack) => context.aws.successor(&stack.name, &stack.id).await?,
        None => None,
    };
    let certainly_ours =
        |group: &LogGroup| successor.is_none() || group.name.starts_with(types::EXECUTION_LOGS);
    let mut groups = candidates(context, run).await?;
    groups.retain(certainly_ours);
    let mut tries = Vec::new();
    for group in &groups {
        tries.push(sweep_or_leave(context, run, group).await);
    }
    all_of(tries)?;
    if let Some(new) = &successor {
        let what = format!("what {new} has");
        run.keep(Noted::new(Noted::SUCCESSOR, new, what, "a new stack of the same name"));
    }
    Ok(())
}

/// Lists the log groups that are there and have the name of one that goes.
async fn candidates(context: &Context<'_>, run: &Run) -> Result<BTreeSet<LogGroup>, StepError> {
    let Some(stack) = &run.stack else { return Ok(BTreeSet::new()) };
    let mut names: BTreeSet<_> =
        run.doomed(types::LOG_GROUP).map(|group| group.physical_id.as_str()).collect();
    let audit_log = Named::AuditLog.of(&stack.name);
    if run.request.keep_audit_log {
        // Whatever the inventory says about it: if it was to go, CloudFormation has deleted it.
        names.retain(|name| !fates::is_of_audit_log(name, &stack.name));
    }
    // One list shows those of the stack's own folder.
    let folder = audit_log.trim_end_matches("audit");
    let mut there: BTreeSet<_> = context.aws.log_groups(folder).await?.into_iter().collect();
    for name in names.iter().filter(|name| !name.starts_with(folder)) {
        there.extend(context.aws.log_groups(name).await?);
    }
    there.retain(|group| names.contains(group.name.as_str()));
    there.extend(implicit_log_groups(context.aws, &run.inventory).await?);
    Ok(there)
}

/// Leaves the log groups alone that functions write to which stay.
async fn leave_logs_of_what_stays(context: &Context<'_>, run: &mut Run) -> Result<(), StepError> {
    let stays = |entry: &&Planned| entry.kind == types::FUNCTION && entry.fate != PlannedFate::Delete;
    let functions: Vec<_> = run.inventory.iter().filter(stays).map(|it| it.physical_id.clone()).collect();
    for function in functions {
        let read = context.aws.function(&function, "reading a function that stays").await?;
        if let Some(group) = read.and_then(|function| function.logging_config?.log_group) {
            leave(run, &group, &format!("the function {function}, which stays, writes to it"));
        }
    }
    Ok(())
}

/// Makes a log group one that is only looked for.
fn leave(run: &mut Run, group: &str, why: &str) {
    for entry in run.inventory.iter_mut().filter(|it| it.kind == types::LOG_GROUP && it.physical_id == group)
    {
        (entry.fate, entry.why) = (PlannedFate::Earlier, why.to_owned());
    }
}

async fn sweep_or_leave(context: &Context<'_>, run: &mut Run, group: &LogGroup) -> Result<(), StepError> {
    let why = match not_ours(context, run, group).await {
        Ok(None) => return sweep(context, run, &group.name).await,
        Ok(Some(why)) => why,
        Err(StepError::Failed(why)) => {
            run.not_proven(Noted::resource(types::LOG_GROUP, &group.name, why));
            return Ok(());
        }
        Err(passing) => return Err(passing),
    };
    run.keep(Noted::resource(types::LOG_GROUP, &group.name, why.clone()));
    leave(run, &group.name, &why);
    Ok(())
}

/// Returns the reason for which a log group is somebody else's, if there is one.
async fn not_ours(context: &Context<'_>, run: &Run, group: &LogGroup) -> Result<Option<String>, StepError> {
    let stack = run.stack()?;
    if fates::is_of_audit_log(&group.name, &stack.name) {
        // Only a request that says so lets it go, and names it.
        return Ok(None);
    }
    if let Some(other) = context.aws.stack_of_log_group(group).await?.filter(|other| *other != stack.id) {
        return Ok(Some(format!("it belongs to the stack {other}")));
    }
    let done: Option<String> = context.recall(&stack.id, Evidence::Done).await?;
    if done.is_some_and(|execution| execution != context.execution) {
        return Ok(Some("it was made after everything of the stack had been proven absent".to_owned()));
    }
    let planned = |entry: &&Planned| entry.physical_id == group.name && entry.logical_id.is_empty();
    if run.doomed(types::LOG_GROUP).any(|entry| planned(&entry)) {
        return Ok(None);
    }
    let began = context.aws.deletion_began(&stack.id).await?;
    Ok(match began {
        Some(began) if group.created >= began => None,
        Some(_) => Some("it is older than the deletion, and no plan named it".to_owned()),
        None => Some("CloudFormation no longer shows when the deletion began".to_owned()),
    })
}

/// Deletes a log group. One that may not be deleted, such as a stage's that somebody added to the API, does not keep the rest from
/// being swept.
async fn sweep(context: &Context<'_>, run: &mut Run, name: &str) -> Result<(), StepError> {
    if let Some(noted) = strays::not_named(context, run, name).await? {
        run.not_proven(noted);
        return Ok(());
    }
    let consent = Consent::OverrideLogProtection;
    let mut deleted = context.aws.delete_log_group(name).await;
    let protected = deleted.as_ref().is_err_and(is_protected);
    if protected && run.request.consents(consent) {
        context.aws.set_log_protection(name, false).await?;
        deleted = context.aws.delete_log_group(name).await;
    }
    let Err(error) = deleted else { return Ok(()) };
    match error.stop("deleting a log group") {
        Error::Failed(why) if protected && !run.request.consents(consent) => {
            let why = format!("{why} (consent: {consent})");
            run.not_proven(Noted::resource(types::LOG_GROUP, name, why).with(consent));
            Ok(())
        }
        // IAM refuses without checking whether such a group exists.
        Error::Failed(why) => {
            if context.aws.log_group_exists(name).await? {
                run.not_proven(Noted::resource(types::LOG_GROUP, name, why));
            }
            Ok(())
        }
        passing @ Error::Transient(_) => Err(passing.into()),
    }
}
