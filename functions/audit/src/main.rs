//! The audit function's binary.

use std::{env, sync::Arc, time::Duration};

use audit::{
    intents::Intents,
    log_sink::LogSink,
    stream::{Auditor, Batch},
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use mimalloc::MiMalloc;
use runtime::{AwsSettings, client, init_log, optional, required, timeouts, warms_up};
use tasks::{
    audit::{Deployment, FreeText},
    task::Timestamp,
};

/// Many small allocations, which were an eighth of the instructions of a record with glibc.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log();
    let timeouts = timeouts(Duration::from_secs(5), Duration::from_secs(15));
    let aws = AwsSettings::from_env()?;
    let logs = client!(aws_sdk_cloudwatchlogs, &aws, timeouts.clone());
    // One stream per function instance, named like the instance's own log stream: no two writers share one.
    let stream = env::var("AWS_LAMBDA_LOG_STREAM_NAME").unwrap_or_else(|_| "audit".to_owned());
    let free_text = match required("AUDIT_FREE_TEXT")?.as_str() {
        "true" => FreeText::Plain,
        _ => FreeText::Hashed,
    };
    // Without a table for intents, the log is not sealed.
    let intents = optional("INTENT_TABLE")?.filter(|table| !table.is_empty()).map(|table| {
        let started = u64::try_from(Timestamp::now().unix_millis()).unwrap_or_default();
        Intents::new(client!(aws_sdk_dynamodb, &aws, timeouts), table, stream.clone(), started)
    });
    let auditor = Arc::new(Auditor {
        audit: LogSink::new(logs.clone(), required("AUDIT_LOG_GROUP")?, stream.clone()),
        quarantine: LogSink::new(logs, required("QUARANTINE_LOG_GROUP")?, stream),
        intents,
        deployment: Deployment { stage: required("STAGE")?, free_text },
    });
    if warms_up()? {
        auditor.audit.warm_up().await;
    }
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Batch>| {
        let auditor = Arc::clone(&auditor);
        async move { auditor.handle(&event.payload).await }
    }))
    .await
}
