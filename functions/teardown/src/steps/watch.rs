//! Watch: look until the stack is gone, refused or failed.

use contract::{Deletion, Evidence, Run};
use stacks::deletion::{Progress, progress};

use crate::{Context, StepError};

/// The number of looks, 15 s apart, that CloudFormation may need to show a deletion that it accepted.
const STALE_LOOKS: u32 = 5;

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let id = run.stack()?.id.clone();
    let expired = run.expired(context.now.unix_seconds(), context.settings.watch_seconds);
    match progress(context.aws, &id, &context.deletion_token(run.rounds - 1)).await? {
        Progress::Gone => {
            (run.delete, run.gone, run.deadline) = (Deletion::Deleted, true, None);
            context.forget(&id, Evidence::Freeze).await?;
            context.forget(&id, Evidence::Unprotect).await?;
        }
        Progress::Running if expired => {
            let seconds = context.settings.watch_seconds;
            return Err(StepError::Failed(format!(
                "the deletion still runs after {seconds} s; start again to go on"
            )));
        }
        Progress::Running => run.again = true,
        // Perhaps still described as it was before the deletion: a later look knows more.
        Progress::Unseen { .. } if run.times() < STALE_LOOKS => run.again = true,
        Progress::Failed => run.delete = Deletion::Failed,
        Progress::Unseen { status } if status == "DELETE_FAILED" => run.delete = Deletion::Failed,
        // No trace of our call: it never arrived.
        Progress::Unseen { .. } => run.delete = Deletion::NotStarted,
        Progress::Refused { status, reason } => {
            return Err(StepError::Failed(format!("CloudFormation refused ({status}): {reason}")));
        }
    }
    Ok(run)
}
