//! The writers: the task function, stopped by reserved concurrency.

use contract::{Evidence, Noted, Run, StackRef, limits::FREEZES, names::Named};
use serde::{Deserialize, Serialize};
use stacks::types;

use crate::{Context, StepError};

/// The tag of a function that is stopped: what its reserved concurrency was. It lasts where the evidence is lost.
const TAG: &str = "tasks-teardown:concurrency";
/// The tag's value for a function that had none.
const NONE: &str = "none";

/// The task function as it was before it was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    pub function: String,
    /// The function's reserved concurrency; `None`: it had none.
    pub concurrency: Option<i32>,
}

impl Frozen {
    fn tag(&self) -> String {
        self.concurrency.map_or_else(|| NONE.to_owned(), |concurrency| concurrency.to_string())
    }

    fn of_tag(function: &str, tag: &str) -> Option<Self> {
        let concurrency = if tag == NONE { None } else { Some(tag.parse().ok()?) };
        Some(Self { function: function.to_owned(), concurrency })
    }
}

/// Stops the task function, and writes down first what it was: in the evidence, and on the function itself.
pub async fn stop(
    context: &Context<'_>,
    stack_id: &str,
    arn: &str,
    frozen: &Frozen,
) -> Result<(), StepError> {
    context.overwrite(stack_id, Evidence::Freeze, frozen).await?;
    context.tag_function(arn, TAG, &frozen.tag()).await?;
    context.stop_function(&frozen.function).await
}

/// Removes the tag of a function that runs again.
pub async fn untag(context: &Context<'_>, function: &str) -> Result<(), StepError> {
    let configuration = context.aws.function(function, "reading the task function").await?;
    match configuration.and_then(|configuration| configuration.function_arn) {
        Some(arn) => context.untag_function(&arn, TAG).await,
        None => Ok(()),
    }
}

/// Returns the task function as it was before it was stopped: by the evidence, or by its tag where the evidence is lost. `None` for
/// one that no teardown stopped.
pub async fn remembered(
    context: &Context<'_>,
    stack_id: &str,
    function: &str,
) -> Result<Option<Frozen>, StepError> {
    if let Some(frozen) = context.recall(stack_id, Evidence::Freeze).await? {
        return Ok(Some(frozen));
    }
    if context.concurrency(function).await? != Some(Some(0)) {
        return Ok(None);
    }
    let configuration = context.aws.function(function, "reading the task function").await?;
    let Some(arn) = configuration.and_then(|configuration| configuration.function_arn) else {
        return Ok(None);
    };
    let tag = context.function_tag(&arn, TAG).await?;
    Ok(tag.and_then(|tag| Frozen::of_tag(function, &tag)))
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
    match context.concurrency(&function).await? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_says_what_the_evidence_says() {
        for concurrency in [None, Some(0), Some(7)] {
            let frozen = Frozen { function: "f".to_owned(), concurrency };
            assert_eq!(Frozen::of_tag("f", &frozen.tag()), Some(frozen));
        }
        assert_eq!(Frozen::of_tag("f", "seven"), None);
    }
}
