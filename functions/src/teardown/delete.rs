//! Delete asks CloudFormation once; Watch looks until the stack is gone, refused or failed.

use aws_sdk_cloudformation::types::StackStatus;
use sha2::{Digest, Sha256};

use super::{Context, DeleteState, Run, StepError, clients::AwsError, evidence::Kind};
use crate::input::hex;

/// How often a deletion is begun: the first, and one after each remedy.
pub(super) const ROUNDS: u32 = 4;

impl Context<'_> {
    /// Always by id and through the executor, so that the role stored with the stack does not matter.
    pub(super) async fn delete(&self, mut run: Run) -> Result<Run, StepError> {
        let aws = self.aws;
        if run.rounds >= ROUNDS {
            return Err(StepError::Failed(format!("the deletion did not begin or failed {ROUNDS} times")));
        }
        let id = run.stack()?.id.clone();
        let delete =
            aws.cloudformation.delete_stack().stack_name(&id).role_arn(&self.settings.executor_role_arn);
        let delete = delete.client_request_token(self.token(run.rounds));
        let retain = (!run.retain.is_empty()).then(|| run.retain.clone());
        match delete.set_retain_resources(retain).send().await.map_err(AwsError::from) {
            Ok(_) => {}
            // Carried out or not: Watch sees.
            Err(error) if error.unanswered => tracing::warn!(?error, "DeleteStack was not answered"),
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

    /// The same for every try of one round, so that a repeated call is one deletion.
    fn token(&self, round: u32) -> String {
        let digest = hex(&Sha256::digest(self.execution));
        format!("teardown-{}-{round}", &digest[..32])
    }

    pub(super) async fn watch(&self, mut run: Run) -> Result<Run, StepError> {
        let id = run.stack()?.id.clone();
        let expired = run.expired(self.now, self.settings.watch_seconds);
        let status = self.describe(&id).await?.and_then(|stack| stack.stack_status);
        match status.as_ref().map(StackStatus::as_str) {
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
            Some("DELETE_FAILED") => run.delete = DeleteState::Failed,
            Some(live) => {
                let reasons = self.refusals(&id, &self.token(run.rounds - 1)).await?;
                if !reasons.is_empty() {
                    return Err(StepError::Failed(format!(
                        "CloudFormation refused ({live}): {}",
                        reasons.join("; ")
                    )));
                }
                // No trace of our call: it never arrived.
                run.delete = DeleteState::NotStarted;
            }
        }
        Ok(run)
    }

    /// Why CloudFormation did not do what the call with this token asked; empty when it never heard of it.
    async fn refusals(&self, stack_id: &str, token: &str) -> Result<Vec<String>, StepError> {
        let aws = self.aws;
        let (mut reasons, mut next) = (Vec::new(), None);
        loop {
            let page = aws.cloudformation.describe_stack_events().stack_name(stack_id).set_next_token(next);
            let page = super::clients::done(page.send().await, "reading the stack's events")?;
            let ours = page.stack_events().iter().filter(|event| event.client_request_token() == Some(token));
            reasons.extend(
                ours.map(|event| event.resource_status_reason().unwrap_or("no reason given").to_owned()),
            );
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(reasons);
            }
        }
    }
}
