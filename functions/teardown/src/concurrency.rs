//! The task function's reserved concurrency, and the tag that remembers it.

use stacks::{AwsError, found};

use crate::{Context, StepError};

const GONE: &[&str] = &["ResourceNotFoundException"];

impl Context<'_> {
    /// Reads the task function's reserved concurrency, if it has any; `None` when there is no such function.
    pub async fn concurrency(&self, function: &str) -> Result<Option<Option<i32>>, StepError> {
        let read = self.aws.lambda.get_function_concurrency().function_name(function).send().await;
        let read = found(read, GONE, "reading the task function's concurrency")?;
        Ok(read.map(|read| read.reserved_concurrent_executions))
    }

    /// Lets no invocation of the task function begin.
    pub async fn stop_function(&self, name: &str) -> Result<(), StepError> {
        let put = self.aws.lambda.put_function_concurrency().function_name(name);
        let put = put.reserved_concurrent_executions(0).send().await;
        Ok(found(put, GONE, "stopping the task function").map(drop)?)
    }

    /// Reserves concurrency for the task function again. Returns Lambda's words when the account has no room for it any more, as one
    /// with a quota of 10 never has.
    pub async fn reserve_concurrency(
        &self,
        function: &str,
        concurrency: i32,
    ) -> Result<Option<String>, StepError> {
        let put = self.aws.lambda.put_function_concurrency().function_name(function);
        match put.reserved_concurrent_executions(concurrency).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(None),
            Err(error) if error.is(GONE) => Ok(None),
            Err(error) if leaves_too_little(&error) => Ok(Some(error.message)),
            Err(error) => Err(error.stop("restarting the task function").into()),
        }
    }

    /// Lets the task function run without reserved concurrency.
    pub async fn free_concurrency(&self, function: &str) -> Result<(), StepError> {
        let delete = self.aws.lambda.delete_function_concurrency().function_name(function);
        Ok(found(delete.send().await, GONE, "restarting the task function").map(drop)?)
    }

    /// Reads a tag of the task function.
    pub async fn function_tag(&self, arn: &str, name: &str) -> Result<Option<String>, StepError> {
        let read = self.aws.lambda.list_tags().resource(arn).send().await;
        let read = found(read, GONE, "reading the task function's tags")?;
        Ok(read.and_then(|read| read.tags).and_then(|mut tags| tags.remove(name)))
    }

    pub async fn tag_function(&self, arn: &str, name: &str, value: &str) -> Result<(), StepError> {
        let put = self.aws.lambda.tag_resource().resource(arn).tags(name, value).send().await;
        Ok(found(put, GONE, "tagging the task function").map(drop)?)
    }

    pub async fn untag_function(&self, arn: &str, name: &str) -> Result<(), StepError> {
        let removed = self.aws.lambda.untag_resource().resource(arn).tag_keys(name).send().await;
        Ok(found(removed, GONE, "removing the task function's tag").map(drop)?)
    }
}

/// "Specified `ReservedConcurrentExecutions` for function decreases account's `UnreservedConcurrentExecution` below its minimum value
/// of [10]."
fn leaves_too_little(error: &AwsError) -> bool {
    error.is(&["InvalidParameterValueException"]) && error.message.contains("UnreservedConcurrentExecution")
}
