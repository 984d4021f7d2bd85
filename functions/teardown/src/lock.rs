//! The lock: one execution at a time holds a stack.

use contract::{Evidence, Run, limits::LAST_CALL_SECONDS};
use stacks::{AwsError, found};

use crate::{
    Context, StepError,
    evidence::{json, text},
};

/// The state of the execution that holds the stack.
enum Holder {
    Runs,
    /// At these Unix milliseconds. 0: so long ago that Step Functions does not know it.
    Ended(i64),
}

impl Context<'_> {
    /// Takes the stack for this execution. Another one that still runs keeps it; one that has ended is replaced, once the last call
    /// that it made must be over: a deletion that was on its way would otherwise come after traffic is restored. False: the state
    /// machine is to wait until `run.lock_from`, and to come again.
    pub async fn lock(&self, run: &mut Run, stack_id: &str) -> Result<bool, StepError> {
        let holder: Option<String> = self.recall(stack_id, Evidence::Lock).await?;
        if let Some(holder) = holder.as_ref().filter(|holder| *holder != self.execution) {
            match self.standing(holder).await? {
                Holder::Runs => return Err(busy(holder)),
                Holder::Ended(at) => {
                    let over = at + i64::from(LAST_CALL_SECONDS) * 1_000;
                    if self.now.unix_millis() < over && run.left_by.as_ref() != Some(holder) {
                        (run.left_by, run.lock_from) = (Some(holder.clone()), over);
                        return Ok(false);
                    }
                }
            }
        }
        let put = self.put(stack_id, Evidence::Lock, &self.execution)?;
        let put = match &holder {
            Some(holder) => put
                .condition_expression("json = :holder")
                .expression_attribute_values(":holder", text(&json(holder)?)),
            None => put.condition_expression("attribute_not_exists(PK)"),
        };
        match put.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(true),
            // Another execution was faster, or an earlier try of this very call succeeded.
            Err(error) if error.is(&["ConditionalCheckFailedException"]) => self
                .holds(stack_id)
                .await
                .and_then(|mine| if mine { Ok(true) } else { Err(busy("another execution")) }),
            Err(error) => Err(error.stop("taking the stack's lock").into()),
        }
    }

    /// Tells whether this execution holds the stack.
    pub async fn holds(&self, stack_id: &str) -> Result<bool, StepError> {
        let holder: Option<String> = self.recall(stack_id, Evidence::Lock).await?;
        Ok(holder.as_deref() == Some(self.execution))
    }

    /// Fails when this execution does not hold the stack: another took it over, and this one goes on all the same, as one does that
    /// was redriven.
    pub async fn must_hold(&self, run: &Run) -> Result<(), StepError> {
        if self.holds(&run.stack()?.id).await? {
            return Ok(());
        }
        Err(StepError::Failed(
            "this execution does not hold the stack any more: another took it over".to_owned(),
        ))
    }

    async fn standing(&self, execution: &str) -> Result<Holder, StepError> {
        let described = self.sfn.describe_execution().execution_arn(execution).send().await;
        let described = found(described, &["ExecutionDoesNotExist"], "asking for the lock's holder")?;
        Ok(match described {
            None => Holder::Ended(0),
            Some(described) if described.status().as_str() == "RUNNING" => Holder::Runs,
            Some(described) => {
                let stopped = described.stop_date().and_then(|at| at.to_millis().ok());
                Holder::Ended(stopped.unwrap_or(self.now.unix_millis()))
            }
        })
    }
}

fn busy(holder: &str) -> StepError {
    StepError::Refused(format!("this stack is being torn down by {holder}; watch that one"))
}
