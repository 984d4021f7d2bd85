//! The lock: one execution at a time holds a stack.

use contract::Evidence;

use crate::{
    Context, StepError,
    aws::{AwsError, found},
    evidence::{json, text},
};

impl Context<'_> {
    /// Takes the stack for this execution. Another one that still runs keeps it; one that has ended is replaced.
    pub async fn lock(&self, stack_id: &str) -> Result<(), StepError> {
        let holder: Option<String> = self.recall(stack_id, Evidence::Lock).await?;
        if let Some(holder) = holder.as_deref().filter(|holder| *holder != self.execution)
            && self.is_running(holder).await?
        {
            return Err(busy(holder));
        }
        let put = self.put(stack_id, Evidence::Lock, &self.execution)?;
        let put = match &holder {
            Some(holder) => put
                .condition_expression("json = :holder")
                .expression_attribute_values(":holder", text(&json(holder)?)),
            None => put.condition_expression("attribute_not_exists(PK)"),
        };
        match put.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            // Another execution was faster, or an earlier try of this very call succeeded.
            Err(error) if error.is(&["ConditionalCheckFailedException"]) => self
                .holds(stack_id)
                .await
                .and_then(|mine| if mine { Ok(()) } else { Err(busy("another execution")) }),
            Err(error) => Err(error.stop("taking the stack's lock")),
        }
    }

    /// Tells whether this execution holds the stack.
    pub async fn holds(&self, stack_id: &str) -> Result<bool, StepError> {
        let holder: Option<String> = self.recall(stack_id, Evidence::Lock).await?;
        Ok(holder.as_deref() == Some(self.execution))
    }

    /// Tells whether an execution runs. One that Step Functions no longer knows has ended long ago.
    async fn is_running(&self, execution: &str) -> Result<bool, StepError> {
        let described = self.aws.sfn.describe_execution().execution_arn(execution).send().await;
        let described = found(described, &["ExecutionDoesNotExist"], "asking for the lock's holder")?;
        Ok(described.is_some_and(|execution| execution.status().as_str() == "RUNNING"))
    }
}

fn busy(holder: &str) -> StepError {
    StepError::Refused(format!("this stack is being torn down by {holder}; watch that one"))
}
