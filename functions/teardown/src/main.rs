//! The teardown function: one step of the workflow per invocation.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::{AwsSettings, init_log};
use teardown::{Clients, Settings, StepInput, Teardown};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log();
    let (aws, settings) = (Clients::new(&AwsSettings::from_env()?), Settings::from_env()?);
    let teardown = Arc::new(Teardown { aws, settings });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<StepInput>| {
        let teardown = Arc::clone(&teardown);
        async move { teardown.handle(event.payload).await }
    }))
    .await
}
