//! Restore: undo Freeze and Unprotect, of this execution or of a stopped one before it.

use contract::{Evidence, Noted, Planned, Run, StackRef};

use crate::{
    Context, StepError,
    audit_path::consumer_exists,
    error::all_of,
    protections::Protections,
    writers::{Frozen, forget_what_was_drained},
};

/// Does nothing to a stack that another execution holds, and nothing once the stack is gone.
pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let Some(stack) = run.stack.clone().filter(|_| !run.gone) else { return Ok(run) };
    if !context.holds(&stack.id).await? {
        return Ok(run);
    }
    match context.aws.stack_status(&stack.id).await?.as_deref() {
        // Once the stack is gone, anything with these names belongs to someone else.
        None | Some("DELETE_COMPLETE") => return Ok(run),
        // A protection would break the deletion, and a writer would write what nobody audits.
        Some("DELETE_IN_PROGRESS") => {
            run.keep(Noted::new(
                Noted::TRAFFIC,
                &stack.id,
                "traffic stopped, protections off",
                "CloudFormation deletes the stack: start again to follow",
            ));
            return Ok(run);
        }
        Some(_) => {}
    }
    let protected = protect_again(context, &stack.id).await;
    let resumed = resume_traffic(context, &mut run, &stack).await;
    all_of(vec![protected, resumed])?;
    Ok(run)
}

async fn protect_again(context: &Context<'_>, stack_id: &str) -> Result<(), StepError> {
    let lifted: Option<Protections> = context.recall(stack_id, Evidence::Unprotect).await?;
    let Some(lifted) = lifted else { return Ok(()) };
    all_of(lifted.switch(context.aws, stack_id, true).await)?;
    forget_undone(context, stack_id, Evidence::Unprotect).await
}

/// Forgets what is undone, unless this run was stopped and another has begun since: then the value belongs to the other.
async fn forget_undone(context: &Context<'_>, stack_id: &str, what: Evidence) -> Result<(), StepError> {
    if context.holds(stack_id).await? { context.forget(stack_id, what).await } else { Ok(()) }
}

async fn resume_traffic(context: &Context<'_>, run: &mut Run, stack: &StackRef) -> Result<(), StepError> {
    let frozen: Option<Frozen> = context.recall(&stack.id, Evidence::Freeze).await?;
    let Some(frozen) = frozen else { return Ok(()) };
    let inventory: Vec<Planned> = context.recall(&stack.id, Evidence::Inventory).await?.unwrap_or_default();
    let drained = context.recall::<String>(&stack.id, Evidence::Drained).await?.is_some();
    if !drained || consumer_exists(context, &inventory, stack).await? {
        // From here on there are writes that the proof and the backup made so far do not cover.
        forget_what_was_drained(context, run, stack).await?;
        thaw(context, run, &frozen).await?;
        return forget_undone(context, &stack.id, Evidence::Freeze).await;
    }
    let function = &frozen.function;
    if context.aws.function(function, "reading the task function").await?.is_some() {
        // The deletion has removed the consumer: a change made from now on would never be audited.
        let why = "nothing is left to audit its changes";
        run.keep(Noted::new(Noted::TRAFFIC, function, format!("{function} stopped"), why));
    }
    Ok(())
}

/// Gives the task function its concurrency back, unless somebody has done so already, perhaps with another value.
async fn thaw(context: &Context<'_>, run: &mut Run, frozen: &Frozen) -> Result<(), StepError> {
    let function = &frozen.function;
    if context.aws.concurrency(function).await? != Some(Some(0)) {
        return Ok(());
    }
    let Some(old) = frozen.concurrency else { return context.aws.free_concurrency(function).await };
    let Some(refusal) = context.aws.reserve_concurrency(function, old).await? else { return Ok(()) };
    // Traffic comes first.
    run.keep(Noted::new(
        Noted::CONCURRENCY,
        function,
        format!("{function} without its reserved concurrency of {old}"),
        format!("Lambda refused to reserve it again: {refusal}"),
    ));
    context.aws.free_concurrency(function).await
}
