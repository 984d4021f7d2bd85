//! Delete asks CloudFormation once; Watch looks until the stack is gone, refused or failed.

use aws_sdk_cloudformation::types::StackEvent;
use sha2::{Digest, Sha256};

use crate::{
    Context, DeleteState, Run, StepError,
    clients::{AwsError, done},
    evidence::Kind,
};

/// How often a deletion is begun: the first, and one after each remedy.
pub(super) const ROUNDS: u32 = 4;
/// How many looks, 15 s apart, CloudFormation may take to show a deletion that it accepted.
const STALE_LOOKS: u32 = 5;

impl Context<'_> {
    /// Always by id and through the executor, so that the role stored with the stack does not matter: the one that is
    /// passed replaces it for good ("CloudFormation service role").
    pub(super) async fn delete(&self, mut run: Run) -> Result<Run, StepError> {
        let aws = self.aws;
        if run.rounds >= ROUNDS {
            return Err(StepError::Failed(format!("the deletion did not begin or failed {ROUNDS} times")));
        }
        self.as_planned(&run).await?;
        self.still_frozen(&run).await?;
        let id = run.stack()?.id.clone();
        let delete =
            aws.cloudformation.delete_stack().stack_name(&id).role_arn(&self.settings.executor_role_arn);
        let delete = delete.client_request_token(self.token(run.rounds));
        let retain = self.retained(&run).await?;
        match delete.set_retain_resources(retain).send().await.map_err(AwsError::from) {
            Ok(_) => {}
            // Carried out or not: Watch sees.
            Err(error)
                if error.unanswered || error.status >= 500 || error.is(&["TokenAlreadyExistsException"]) =>
            {
                tracing::warn!(?error, "DeleteStack was not answered");
            }
            // A role just made is not known everywhere at once.
            Err(error) if error.message.contains("invalid or cannot be assumed") => {
                return Err(StepError::Transient(format!("deleting the stack: {}", error.message)));
            }
            Err(error) => return Err(error.stop("deleting the stack")),
        }
        run.rounds += 1;
        run.deadline = None;
        run.delete = DeleteState::InProgress;
        Ok(run)
    }

    /// Names what was proven absent and is still in `DELETE_FAILED`: `DeleteStack` refuses to retain what is deleted already.
    async fn retained(&self, run: &Run) -> Result<Option<Vec<String>>, StepError> {
        if run.retain.is_empty() {
            return Ok(None);
        }
        let failed = self.failed_resources(run).await?;
        let is_failed =
            |id: &&String| failed.iter().any(|resource| resource.logical_resource_id() == Some(id));
        let retained: Vec<_> = run.retain.iter().filter(is_failed).cloned().collect();
        Ok((!retained.is_empty()).then_some(retained))
    }

    /// The same for every try of one round, so that a repeated call is one deletion.
    fn token(&self, round: u32) -> String {
        let digest = hex::encode(Sha256::digest(self.execution));
        format!("teardown-{}-{round}", &digest[..32])
    }

    pub(super) async fn watch(&self, mut run: Run) -> Result<Run, StepError> {
        let id = run.stack()?.id.clone();
        let expired = run.expired(self.now, self.settings.watch_seconds);
        match self.status(&id).await?.as_deref() {
            None | Some("DELETE_COMPLETE") => {
                (run.delete, run.gone, run.deadline) = (DeleteState::Deleted, true, None);
                self.forget(&id, Kind::Freeze).await?;
                self.forget(&id, Kind::Unprotect).await?;
            }
            Some("DELETE_IN_PROGRESS") if expired => {
                let seconds = self.settings.watch_seconds;
                return Err(StepError::Failed(format!(
                    "the deletion still runs after {seconds} s; start again to go on"
                )));
            }
            Some("DELETE_IN_PROGRESS") => run.again = true,
            Some(status) => {
                let end = self.own_end(&id, &self.token(run.rounds - 1)).await?;
                match (status, end) {
                    // Described as it was before the deletion, perhaps: a later look knows more.
                    (_, None) if run.times() < STALE_LOOKS => run.again = true,
                    ("DELETE_FAILED", _) => run.delete = DeleteState::Failed,
                    (live, Some(reason)) => {
                        return Err(StepError::Failed(format!("CloudFormation refused ({live}): {reason}")));
                    }
                    // No trace of our call: it never arrived.
                    (_, None) => run.delete = DeleteState::NotStarted,
                }
            }
        }
        Ok(run)
    }

    /// With which reason the operation of this token ended without having deleted the stack; `None` when CloudFormation
    /// knows of no such end. Every event of an operation carries the operation's token ("`StackEvent`").
    async fn own_end(&self, stack_id: &str, token: &str) -> Result<Option<String>, StepError> {
        let aws = self.aws;
        let is_end = |event: &&StackEvent| {
            event.client_request_token() == Some(token)
                && event.physical_resource_id() == Some(stack_id)
                && event.resource_status().is_some_and(|status| {
                    !status.as_str().ends_with("_IN_PROGRESS") && status.as_str() != "DELETE_COMPLETE"
                })
        };
        let mut next = None;
        loop {
            let page = aws.cloudformation.describe_stack_events().stack_name(stack_id).set_next_token(next);
            let page = done(page.send().await, "reading the stack's events")?;
            if let Some(end) = page.stack_events().iter().find(is_end) {
                return Ok(Some(end.resource_status_reason().unwrap_or("no reason given").to_owned()));
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(None);
            }
        }
    }
}
