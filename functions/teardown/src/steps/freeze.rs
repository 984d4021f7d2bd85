//! Freeze: stop the writers. The audit function goes on.

use contract::{Run, StackRef, limits::BACKUP_LAG_SECONDS};

use crate::{
    Context, StepError, fates,
    moment::Moment,
    writers::{Frozen, forget_what_was_drained, remembered, stop, task_function},
};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    context.must_hold(&run).await?;
    let stack = run.stack()?.clone();
    run.drain_again();
    match context.aws.stack_status(&stack.id).await?.as_deref() {
        None | Some("DELETE_COMPLETE") => {
            // A run that was stopped deleted it: the steps that follow find nothing, and Watch says so.
            if let Some(new) = context.aws.successor(&stack.name, &stack.id).await? {
                return Err(StepError::Refused(format!(
                    "{} was deleted since it was resolved, and {new} has its name now",
                    stack.id
                )));
            }
        }
        Some(_) => fates::still_as_planned(context, &run).await?,
    }
    let under_way = stop_writers(context, &mut run, &stack).await?;
    // By the clock after the call was answered.
    run.quiet_from = Moment::now().unix_millis() + under_way * 1_000;
    run.backup_from =
        if run.request.backup { run.quiet_from + i64::from(BACKUP_LAG_SECONDS) * 1_000 } else { 0 };
    Ok(run)
}

/// Sets the task function's reserved concurrency to 0: no request reaches it by any way. Returns for how many seconds
/// an invocation that had begun before may still write: the function's own time-out.
async fn stop_writers(context: &Context<'_>, run: &mut Run, stack: &StackRef) -> Result<i64, StepError> {
    let Some(function) = task_function(run)? else { return Ok(0) };
    let read = context.aws.function(&function, "reading the task function").await?;
    let Some(configuration) = read else { return Ok(0) };
    let Some(concurrency) = context.concurrency(&function).await? else { return Ok(0) };
    if concurrency != Some(0) || run.freezes() > 1 {
        forget_what_was_drained(context, run, stack).await?;
    }
    // Perhaps an earlier run stopped it: the value that it remembered stands.
    let earlier =
        if concurrency == Some(0) { remembered(context, &stack.id, &function).await? } else { None };
    let frozen = earlier.unwrap_or(Frozen { function, concurrency });
    stop(context, &stack.id, configuration.function_arn().unwrap_or_default(), &frozen).await?;
    Ok(i64::from(configuration.timeout.unwrap_or_default()))
}
