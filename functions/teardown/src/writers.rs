//! The writers: the task function, stopped by reserved concurrency.

use contract::{Evidence, Noted, Run, StackRef, limits::FREEZES, names::Named};
use serde::{Deserialize, Serialize};

use crate::{Context, StepError, aws::types};

/// The task function as it was before it was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    pub function: String,
    /// The function's reserved concurrency; `None`: it had none.
    pub concurrency: Option<i32>,
}

/// Returns the function that writes tasks, if the stack has it: a stack that could not take that name does not.
pub fn task_function(run: &Run) -> Result<Option<String>, StepError> {
    let name = Named::TaskFunction.of(&run.stack()?.name);
    let listed = run.inventory.iter().any(|e| e.kind == types::FUNCTION && e.physical_id == name);
    Ok(listed.then_some(name))
}

/// Fails when writers were restarted since Freeze, by somebody or by the last call of a run that was stopped: what they
/// write is neither drained nor backed up.
pub async fn still_frozen(context: &Context<'_>, run: &Run) -> Result<(), StepError> {
    let freezes = run.freezes();
    let Some(function) = task_function(run)? else { return Ok(()) };
    match context.aws.concurrency(&function).await? {
        None | Some(Some(0)) => Ok(()),
        Some(_) if freezes < FREEZES => {
            Err(StepError::Thawed("the task function was restarted since: it is stopped again".to_owned()))
        }
        Some(_) => Err(StepError::Refused(format!(
            "the task function was restarted {freezes} times after it had been stopped: does another teardown work on it?"
        ))),
    }
}

/// Forgets what was drained and backed up, since the function may have written after it. The backup stays, and is noted.
pub async fn forget_what_was_drained(
    context: &Context<'_>,
    run: &mut Run,
    stack: &StackRef,
) -> Result<(), StepError> {
    if let Some(arn) = context.recall::<String>(&stack.id, Evidence::Backup).await? {
        run.keep(Noted::backup(&arn, "taken before writers were restarted"));
    }
    context.forget(&stack.id, Evidence::Drained).await?;
    context.forget(&stack.id, Evidence::Backup).await
}
