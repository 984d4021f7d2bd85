//! The teardown function: one step of the workflow per invocation.

use std::{sync::Arc, time::Duration};

use contract::limits::{ATTEMPT_SECONDS, OPERATION_SECONDS};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::{AwsSettings, init_log, timeouts};
use stacks::Clients;
use teardown::{Settings, StepInput, Streams, Teardown};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log();
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    let timeouts = timeouts(seconds(ATTEMPT_SECONDS), seconds(OPERATION_SECONDS));
    let config = &AwsSettings::from_env()?.sdk_config(timeouts);
    let teardown = Arc::new(Teardown {
        aws: Clients::new(config),
        sfn: aws_sdk_sfn::Client::new(config),
        streams: Streams(aws_sdk_dynamodbstreams::Client::new(config)),
        settings: Settings::from_env()?,
    });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<StepInput>| {
        let teardown = Arc::clone(&teardown);
        async move { teardown.handle(event.payload).await }
    }))
    .await
}
