//! Copies of the checkpoints in a log group, apart from the bucket. One that fails fails its run, and is not made later: the
//! bucket is what counts.

use aws_sdk_cloudwatchlogs::{Client, error::SdkError, types::InputLogEvent};
use serde_json::json;

use crate::error::Error;

/// The log group and this instance's stream in it.
#[derive(Debug, Clone)]
pub struct Journal {
    pub client: Client,
    pub group: String,
    pub stream: String,
}

impl Journal {
    /// Writes a checkpoint as one line.
    pub async fn write(&self, number: u64, note: &str, now_millis: i64) -> Result<(), Error> {
        let line = json!({"schema": "audit.checkpoint/1", "number": number, "checkpoint": note}).to_string();
        let event = InputLogEvent::builder().message(line).timestamp(now_millis).build();
        let event = event.map_err(|err| Error::aws("writing the copy of a checkpoint")(&err))?;
        let put = || {
            let put = self.client.put_log_events().log_group_name(&self.group);
            put.log_stream_name(&self.stream).log_events(event.clone()).send()
        };
        let written = match put().await {
            Err(SdkError::ServiceError(err)) if err.err().is_resource_not_found_exception() => {
                self.create_stream().await?;
                put().await
            }
            other => other,
        };
        let written = written.map_err(|err| Error::aws("writing the copy of a checkpoint")(&err))?;
        match written.rejected_log_events_info {
            None => Ok(()),
            Some(rejected) => Err(Error::Aws {
                doing: "writing the copy of a checkpoint",
                cause: format!("CloudWatch Logs rejected it: {rejected:?}"),
            }),
        }
    }

    async fn create_stream(&self) -> Result<(), Error> {
        let create =
            self.client.create_log_stream().log_group_name(&self.group).log_stream_name(&self.stream);
        match create.send().await {
            Err(SdkError::ServiceError(err)) if err.err().is_resource_already_exists_exception() => Ok(()),
            other => other.map(drop).map_err(|err| Error::aws("creating a log stream")(&err)),
        }
    }
}
