//! The teardown function: one step of the workflow an invocation.

use std::{env, sync::Arc, time::Duration};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::{AwsSettings, client, init_log, required, timeouts};
use teardown::{Clients, Settings, StepInput, Teardown};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log();
    let teardown = Arc::new(Teardown { aws: clients(&AwsSettings::from_env()?), settings: settings()? });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<StepInput>| {
        let teardown = Arc::clone(&teardown);
        async move { teardown.handle(event.payload).await }
    }))
    .await
}

fn clients(aws: &AwsSettings) -> Clients {
    let timeouts = timeouts(Duration::from_secs(5), Duration::from_secs(15));
    Clients {
        apigateway: client!(aws_sdk_apigateway, aws, timeouts.clone()),
        cloudformation: client!(aws_sdk_cloudformation, aws, timeouts.clone()),
        cloudwatch: client!(aws_sdk_cloudwatch, aws, timeouts.clone()),
        dynamodb: client!(aws_sdk_dynamodb, aws, timeouts.clone()),
        iam: client!(aws_sdk_iam, aws, timeouts.clone()),
        lambda: client!(aws_sdk_lambda, aws, timeouts.clone()),
        logs: client!(aws_sdk_cloudwatchlogs, aws, timeouts.clone()),
        s3: client!(aws_sdk_s3, aws, timeouts.clone()),
        sfn: client!(aws_sdk_sfn, aws, timeouts.clone()),
        streams: client!(aws_sdk_dynamodbstreams, aws, timeouts),
    }
}

fn settings() -> Result<Settings, Error> {
    let seconds = |name: &str, default: i64| match env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name} is not a number of seconds")),
        Err(_) => Ok(default),
    };
    Ok(Settings {
        evidence_table: required("EVIDENCE_TABLE")?,
        report_log_group: required("REPORT_LOG_GROUP")?,
        executor_role_arn: required("EXECUTOR_ROLE_ARN")?,
        services: required("SERVICES")?.split(',').map(|name| name.trim().to_owned()).collect(),
        teardown_stack: required("TEARDOWN_STACK")?,
        drain_seconds: seconds("DRAIN_SECONDS", 600)?,
        watch_seconds: seconds("WATCH_SECONDS", 7_200)?,
    })
}
