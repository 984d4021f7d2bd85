//! Functions and what feeds them.

use aws_sdk_lambda::operation::{
    get_event_source_mapping::GetEventSourceMappingOutput,
    get_function_configuration::GetFunctionConfigurationOutput,
};

use super::{Clients, found};
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
