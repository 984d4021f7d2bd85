//! Report: how a run that was not stopped ended, what stays and why, what could not be proven.

use contract::{Evidence, Noted, Outcome, Run};

use crate::{Context, StepError, reporting::publish};

pub async fn take(context: &Context<'_>, run: Run) -> Result<Run, StepError> {
    let outcome = match run.outcome {
        Some(planned) => planned,
        None if !run.unproven.is_empty() => Outcome::Unproven,
        None => deleted_now(context, &run).await?,
    };
    let reason = (outcome == Outcome::Unproven)
        .then(|| "not everything could be shown absent; see unproven".to_owned());
    let run = publish(context, run, outcome, reason).await?;
    let incomplete = run.unproven.iter().any(|noted| noted.kind == Noted::COMPLETENESS);
    if let Some(stack) = run.stack.as_ref().filter(|_| incomplete) {
        context.forget(&stack.id, Evidence::Unaudited).await?;
    }
    Ok(run)
}

/// Tells whether this run finished the deletion, begun by itself or by one before it, or there was nothing left.
async fn deleted_now(context: &Context<'_>, run: &Run) -> Result<Outcome, StepError> {
    let Some(stack) = &run.stack else { return Ok(Outcome::NothingToDo) };
    let done: Option<String> = context.recall(&stack.id, Evidence::Done).await?;
    let nothing_known = run.inventory.is_empty() && run.found.is_empty() && run.rounds == 0;
    if nothing_known || done.as_deref().is_some_and(|execution| execution != context.execution) {
        return Ok(Outcome::NothingToDo);
    }
    // A dry run only lists what is left: it did nothing, so it proves nothing.
    if run.request.dry_run {
        return Ok(Outcome::Planned);
    }
    context.remember(&stack.id, Evidence::Done, &context.execution.to_owned()).await?;
    Ok(Outcome::Deleted)
}
