//! The notary's binary.

use std::{env, sync::Arc, time::Duration};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use notary::{intents::Intents, journal::Journal, metrics, notary::Notary, signer::Signer, store::Store};
use runtime::{AwsSettings, client, init_log, optional, required, timeouts};
use serde::de::IgnoredAny;
use tokio::sync::OnceCell;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log();
    let namespace = required("METRIC_NAMESPACE")?;
    let notary = Arc::new(notary().await?);
    lambda_runtime::run(service_fn(move |_: LambdaEvent<IgnoredAny>| {
        let (notary, namespace) = (Arc::clone(&notary), namespace.clone());
        async move { run(&notary, &namespace).await }
    }))
    .await
}

async fn notary() -> Result<Notary, Error> {
    let aws = AwsSettings::from_env()?;
    let timeouts = timeouts(Duration::from_secs(5), Duration::from_secs(15));
    let origin = required("ORIGIN")?;
    let keys: Vec<String> = required("KEY_IDS")?.split(',').map(str::to_owned).collect();
    let seconds: i64 = required("AUDIT_TIMEOUT_SECONDS")?
        .parse()
        .map_err(|_| "the environment variable AUDIT_TIMEOUT_SECONDS is no number")?;
    let stream = env::var("AWS_LAMBDA_LOG_STREAM_NAME").unwrap_or_else(|_| "notary".to_owned());
    let logs = client!(aws_sdk_cloudwatchlogs, &aws, timeouts.clone());
    let journal = optional("CHECKPOINT_LOG_GROUP")?.map(|group| Journal { client: logs, group, stream });
    let signer = Signer::load(client!(aws_sdk_kms, &aws, timeouts.clone()), &keys, &origin).await?;
    Ok(Notary {
        origin,
        // An invocation that began in a minute has ended by then, and a second one that took its place too.
        settle_minutes: seconds.saturating_mul(2).max(0).saturating_add(59) / 60,
        intents: Intents {
            client: client!(aws_sdk_dynamodb, &aws, timeouts.clone()),
            table: required("INTENT_TABLE")?,
        },
        store: Store::new(client!(aws_sdk_s3, &aws, timeouts), required("SEAL_BUCKET")?),
        signer,
        journal,
        published: OnceCell::new(),
    })
}

async fn run(notary: &Notary, namespace: &str) -> Result<(), Error> {
    let now = now_millis();
    let run = notary.run(now).await.inspect_err(|err| {
        tracing::error!(cause = %err, "the audit log was not sealed");
    })?;
    // Not through the log's format: CloudWatch Logs looks for this very form.
    println!("{}", metrics::line(&run, namespace, now));
    let (checkpoints, leaves) = (run.checkpoints, run.leaves);
    match run.lost {
        None => tracing::info!(checkpoints, leaves, "sealed {leaves} leaves with {checkpoints} checkpoints"),
        Some(lost) => tracing::info!(
            checkpoints,
            leaves,
            "sealed {leaves} leaves with {checkpoints} checkpoints; another notary made checkpoint {lost}"
        ),
    }
    Ok(())
}

fn now_millis() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
