//! Stabilise: wait until nothing is in progress.

use contract::{Deletion, Run, limits::STABLE_SECONDS};
use stacks::{IN_REVIEW, stack_ref};

use crate::{Context, StepError, fates};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let id = run.stack()?.id.clone();
    let Some(stack) = context.aws.stack(&id).await? else {
        (run.gone, run.delete, run.deadline) = (true, Deletion::Deleted, None);
        run.inventory = context.known_things(&id).await?;
        fates::settle(context, &mut run).await?;
        return Ok(run);
    };
    let stack = stack_ref(&stack);
    // A stack in review stays so.
    let busy = stack.status.ends_with("_IN_PROGRESS") && stack.status != IN_REVIEW;
    if busy && run.expired(context.now.unix_seconds(), STABLE_SECONDS) {
        return Err(StepError::Failed(format!(
            "the stack stays in {}; wait for it, then start again",
            stack.status
        )));
    }
    run.gone = stack.status == "DELETE_COMPLETE";
    run.delete = if run.gone { Deletion::Deleted } else { Deletion::NotStarted };
    if run.gone {
        run.inventory = context.known_things(&id).await?;
        fates::settle(context, &mut run).await?;
    }
    run.again = busy;
    if !busy {
        run.deadline = None;
    }
    run.stack = Some(stack);
    Ok(run)
}
