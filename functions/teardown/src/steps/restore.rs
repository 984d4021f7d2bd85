//! Restore: undo Freeze and Unprotect, of this execution or of a stopped one before it.

use contract::{Evidence, Noted, Planned, Restored, Run, StackRef, names::Named};

use crate::{
    Context, StepError,
    audit_path::consumer_exists,
    error::all_of,
    protections::Protections,
    things,
    writers::{Frozen, forget_what_was_drained, remembered, untag},
};

/// Does nothing to a stack that another execution holds, and nothing once the stack is gone.
pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let Some(stack) = run.stack.clone().filter(|_| !run.gone) else { return Ok(untouched(run)) };
    if !context.holds(&stack.id).await? {
        let words = "nothing was put back: this execution does not hold the stack";
        return Ok(with(run, false, words));
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
            return Ok(with(
                run,
                false,
                "traffic stays stopped, and protections off: CloudFormation deletes the stack",
            ));
        }
        Some(_) => {}
    }
    let protected = protect_again(context, &stack.id).await;
    let resumed = resume_traffic(context, &mut run, &stack).await;
    let (protections, traffic) = match (protected, resumed) {
        (Ok(protections), Ok(traffic)) => (protections, traffic),
        (protected, resumed) => {
            all_of(vec![protected.map(drop), resumed.map(drop)])?;
            return Ok(run);
        }
    };
    // An earlier try of this step may have put back the rest.
    let undone = protections || traffic == Traffic::Back || run.freezes() > 0;
    Ok(match traffic {
        Traffic::Stopped => with(run, false, "protections are back; the task function stays stopped"),
        _ if undone => with(run, true, "traffic and protections are back"),
        Traffic::AsItWas | Traffic::Back => with(run, true, "nothing had been stopped or lifted"),
    })
}

fn with(run: Run, complete: bool, what: &str) -> Run {
    Run { restored: Some(Restored { complete, what: what.to_owned() }), ..run }
}

/// Returns the run of a stack that is gone, or was never found, in which there is nothing to put back.
fn untouched(run: Run) -> Run {
    if run.gone { run } else { with(run, true, "nothing had been stopped or lifted") }
}

/// The state of the writers after they were restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Traffic {
    /// No run had stopped it.
    AsItWas,
    Back,
    Stopped,
}

/// Tells whether there was anything to put back.
async fn protect_again(context: &Context<'_>, stack_id: &str) -> Result<bool, StepError> {
    let lifted: Option<Protections> = context.recall(stack_id, Evidence::Unprotect).await?;
    let Some(lifted) = lifted else { return Ok(false) };
    all_of(lifted.switch(context.aws, stack_id, true).await)?;
    forget_undone(context, stack_id, Evidence::Unprotect).await?;
    Ok(true)
}

/// Forgets what is undone, unless this run was stopped and another has begun since: then the value belongs to the other.
async fn forget_undone(context: &Context<'_>, stack_id: &str, what: Evidence) -> Result<(), StepError> {
    if context.holds(stack_id).await? { context.forget(stack_id, what).await } else { Ok(()) }
}

async fn resume_traffic(
    context: &Context<'_>,
    run: &mut Run,
    stack: &StackRef,
) -> Result<Traffic, StepError> {
    let function = Named::TaskFunction.of(&stack.name);
    let Some(frozen) = remembered(context, &stack.id, &function).await? else { return Ok(Traffic::AsItWas) };
    let inventory = known_or_listed(context, stack).await?;
    let drained = context.recall::<String>(&stack.id, Evidence::Drained).await?.is_some();
    if !drained || consumer_exists(context, &inventory, stack).await? {
        // From here on there are writes that the proof and the backup made so far do not cover.
        forget_what_was_drained(context, run, stack).await?;
        thaw(context, run, &frozen).await?;
        untag(context, &function).await?;
        forget_undone(context, &stack.id, Evidence::Freeze).await?;
        return Ok(Traffic::Back);
    }
    if context.aws.function(&function, "reading the task function").await?.is_none() {
        return Ok(Traffic::AsItWas);
    }
    // The deletion has removed the consumer: a change made from now on would never be audited.
    let why = "nothing is left to audit its changes";
    run.keep(Noted::new(Noted::TRAFFIC, &function, format!("{function} stopped"), why));
    Ok(Traffic::Stopped)
}

/// Returns the stack's things as runs have written them down, or as CloudFormation lists them where that cannot be read: traffic does
/// not wait for the evidence to be repaired.
async fn known_or_listed(context: &Context<'_>, stack: &StackRef) -> Result<Vec<Planned>, StepError> {
    match context.known_things(&stack.id).await {
        Err(StepError::Failed(why)) => {
            tracing::warn!(why, "CloudFormation is asked for what the stack has");
            things::resources(context, stack, None).await
        }
        known => known,
    }
}

/// Gives the task function its concurrency back, unless somebody has done so already, perhaps with another value.
async fn thaw(context: &Context<'_>, run: &mut Run, frozen: &Frozen) -> Result<(), StepError> {
    let function = &frozen.function;
    if context.concurrency(function).await? != Some(Some(0)) {
        return Ok(());
    }
    let Some(old) = frozen.concurrency else { return context.free_concurrency(function).await };
    let Some(refusal) = context.reserve_concurrency(function, old).await? else { return Ok(()) };
    // Traffic comes first.
    run.keep(Noted::new(
        Noted::CONCURRENCY,
        function,
        format!("{function} without its reserved concurrency of {old}"),
        format!("Lambda refused to reserve it again: {refusal}"),
    ));
    context.free_concurrency(function).await
}
