//! Functions and what feeds them.

use aws_sdk_lambda::operation::{
    get_event_source_mapping::GetEventSourceMappingOutput,
    get_function_configuration::GetFunctionConfigurationOutput,
};

use super::{AwsError, Clients, found};
use crate::Error;

const GONE: &[&str] = &["ResourceNotFoundException"];

impl Clients {
    /// Reads a function's configuration; `None` when there is no such function.
    pub async fn function(
        &self,
        name: &str,
        doing: &str,
    ) -> Result<Option<GetFunctionConfigurationOutput>, Error> {
        found(self.lambda.get_function_configuration().function_name(name).send().await, GONE, doing)
    }

    /// Reads a function's reserved concurrency, if it has any; `None` when there is no such function.
    pub async fn concurrency(&self, function: &str) -> Result<Option<Option<i32>>, Error> {
        let read = self.lambda.get_function_concurrency().function_name(function).send().await;
        let read = found(read, GONE, "reading the task function's concurrency")?;
        Ok(read.map(|read| read.reserved_concurrent_executions))
    }

    /// Lets no invocation of a function begin.
    pub async fn stop_function(&self, name: &str) -> Result<(), Error> {
        let put = self.lambda.put_function_concurrency().function_name(name);
        let put = put.reserved_concurrent_executions(0).send().await;
        found(put, GONE, "stopping the task function").map(drop)
    }

    /// Reads a tag of a function.
    pub async fn function_tag(&self, arn: &str, name: &str) -> Result<Option<String>, Error> {
        let read = self.lambda.list_tags().resource(arn).send().await;
        let read = found(read, GONE, "reading the task function's tags")?;
        Ok(read.and_then(|read| read.tags).and_then(|mut tags| tags.remove(name)))
    }

    pub async fn tag_function(&self, arn: &str, name: &str, value: &str) -> Result<(), Error> {
        let put = self.lambda.tag_resource().resource(arn).tags(name, value).send().await;
        found(put, GONE, "tagging the task function").map(drop)
    }

    pub async fn untag_function(&self, arn: &str, name: &str) -> Result<(), Error> {
        let removed = self.lambda.untag_resource().resource(arn).tag_keys(name).send().await;
        found(removed, GONE, "removing the task function's tag").map(drop)
    }

    /// Reserves concurrency for a function again. Returns Lambda's words when the account has no room for it any more, as one with
    /// a quota of 10 never has.
    pub async fn reserve_concurrency(
        &self,
        function: &str,
        concurrency: i32,
    ) -> Result<Option<String>, Error> {
        let put = self.lambda.put_function_concurrency().function_name(function);
        match put.reserved_concurrent_executions(concurrency).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(None),
            Err(error) if error.is(GONE) => Ok(None),
            Err(error) if leaves_too_little(&error) => Ok(Some(error.message)),
            Err(error) => Err(error.stop("restarting the task function")),
        }
    }

    /// Lets a function run without reserved concurrency.
    pub async fn free_concurrency(&self, function: &str) -> Result<(), Error> {
        let delete = self.lambda.delete_function_concurrency().function_name(function);
        found(delete.send().await, GONE, "restarting the task function").map(drop)
    }

    /// Tells whether a mapping of a stream to a function is there.
    pub async fn mapping_exists(&self, id: &str) -> Result<bool, Error> {
        Ok(self.mapping(id).await?.is_some())
    }

    /// Tells whether a mapping is there and takes nothing from its stream.
    pub async fn mapping_is_disabled(&self, id: &str) -> Result<bool, Error> {
        let state = self.mapping(id).await?.and_then(|mapping| mapping.state);
        Ok(state.is_some_and(|state| ["Disabled", "Disabling"].contains(&state.as_str())))
    }

    async fn mapping(&self, id: &str) -> Result<Option<GetEventSourceMappingOutput>, Error> {
        let mapping = self.lambda.get_event_source_mapping().uuid(id).send().await;
        found(mapping, GONE, "reading the stream mapping")
    }
}

/// "Specified `ReservedConcurrentExecutions` for function decreases account's `UnreservedConcurrentExecution` below its minimum value
/// of [10]."
fn leaves_too_little(error: &AwsError) -> bool {
    error.is(&["InvalidParameterValueException"]) && error.message.contains("UnreservedConcurrentExecution")
}
