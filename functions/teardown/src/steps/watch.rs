//! Watch: look until the stack is gone, refused or failed.

use aws_sdk_cloudformation::types::StackEvent;
use contract::{Deletion, Evidence, Run};
use stacks::done;

use crate::{Context, StepError};

/// The number of looks, 15 s apart, that CloudFormation may need to show a deletion that it accepted.
const STALE_LOOKS: u32 = 5;

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let id = run.stack()?.id.clone();
    let expired = run.expired(context.now.unix_seconds(), context.settings.watch_seconds);
    match context.aws.stack_status(&id).await?.as_deref() {
        None | Some("DELETE_COMPLETE") => {
            (run.delete, run.gone, run.deadline) = (Deletion::Deleted, true, None);
            context.forget(&id, Evidence::Freeze).await?;
            context.forget(&id, Evidence::Unprotect).await?;
        }
        Some("DELETE_IN_PROGRESS") if expired => {
            let seconds = context.settings.watch_seconds;
            return Err(StepError::Failed(format!(
                "the deletion still runs after {seconds} s; start again to go on"
            )));
        }
        Some("DELETE_IN_PROGRESS") => run.again = true,
        Some(status) => {
            let end = own_end(context, &id, &context.deletion_token(run.rounds - 1)).await?;
            match (status, end) {
                // Perhaps still described as it was before the deletion: a later look knows more.
                (_, None) if run.times() < STALE_LOOKS => run.again = true,
                ("DELETE_FAILED", _) => run.delete = Deletion::Failed,
                (live, Some(reason)) => {
                    return Err(StepError::Failed(format!("CloudFormation refused ({live}): {reason}")));
                }
                // No trace of our call: it never arrived.
                (_, None) => run.delete = Deletion::NotStarted,
            }
        }
    }
    Ok(run)
}

/// Returns the reason with which the operation of this token ended without having deleted the stack; `None` when CloudFormation
/// knows of no such end. Every event of an operation carries the operation's token ("`StackEvent`").
async fn own_end(context: &Context<'_>, stack_id: &str, token: &str) -> Result<Option<String>, StepError> {
    let is_end = |event: &&StackEvent| {
        event.client_request_token() == Some(token)
            && event.physical_resource_id() == Some(stack_id)
            && event.resource_status().is_some_and(|status| {
                !status.as_str().ends_with("_IN_PROGRESS") && status.as_str() != "DELETE_COMPLETE"
            })
    };
    let mut next = None;
    loop {
        let page = context.aws.cloudformation.describe_stack_events().stack_name(stack_id);
        let page = done(page.set_next_token(next).send().await, "reading the stack's events")?;
        if let Some(end) = page.stack_events().iter().find(is_end) {
            return Ok(Some(end.resource_status_reason().unwrap_or("no reason given").to_owned()));
        }
        next = page.next_token;
        if next.is_none() {
            return Ok(None);
        }
    }
}
