//! Sweep: log groups that `CloudFormation` does not delete with the stack. Done twice, since a function's last lines may make
//! its log group again.

use contract::{Consent, Noted, PlannedFate, Run, limits::SWEEPS, names::Named};

use crate::{
    Context, StepError,
    aws::{is_protected, types},
    strays, things,
};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let stays = |entry: &&contract::Planned| entry.fate == PlannedFate::Keep;
    let mut kept: Vec<_> = run.inventory.iter().filter(stays).map(|e| e.physical_id.clone()).collect();
    if run.request.keep_audit_log {
        // Whatever the inventory says about it: if it was to go, CloudFormation has deleted it.
        kept.extend(run.stack.as_ref().map(|stack| Named::AuditLog.of(&stack.name)));
    }
    let mut groups: Vec<_> = run.doomed(types::LOG_GROUP).map(|group| group.physical_id.clone()).collect();
    groups.extend(things::implicit_log_groups(context, &run.inventory).await?);
    // A new stack of this name has log groups of the same names, so only those with the old API's id are certainly not its own.
    let successor = match &run.stack {
        Some(stack) => context.aws.successor(&stack.name, &stack.id).await?,
        None => None,
    };
    let certainly_ours = |group: &&String| successor.is_none() || group.starts_with(types::EXECUTION_LOGS);
    // Every sweep says again what it could not delete.
    run.unproven.retain(|noted| noted.kind != types::LOG_GROUP);
    for group in groups.iter().filter(|group| !kept.contains(group)).filter(certainly_ours) {
        sweep(context, &mut run, group).await?;
    }
    if let Some(new) = &successor {
        let what = format!("what {new} has");
        run.keep(Noted::new(Noted::SUCCESSOR, new, what, "a new stack of the same name"));
    }
    run.sweeps += 1;
    run.again = run.sweeps < SWEEPS;
    Ok(run)
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
        StepError::Failed(why) if protected && !run.request.consents(consent) => {
            let why = format!("{why} (consent: {consent})");
            run.not_proven(Noted::resource(types::LOG_GROUP, name, why).with(consent));
            Ok(())
        }
        // IAM refuses without checking whether such a group exists.
        StepError::Failed(why) => {
            if context.aws.log_group_exists(name).await? {
                run.not_proven(Noted::resource(types::LOG_GROUP, name, why));
            }
            Ok(())
        }
        passing => Err(passing),
    }
}
