//! A run's figures, as a line that CloudWatch Logs turns into metrics ("Embedded metric format").

use serde_json::{Value, json};

use crate::notary::Run;

/// Returns the line for a run.
#[must_use]
pub fn line(run: &Run, namespace: &str, now_millis: i64) -> Value {
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    json!({
        "_aws": {
            "Timestamp": now_millis,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [[]],
                "Metrics": [
                    metric("Checkpoints", "Count"),
                    metric("SealedLeaves", "Count"),
                    metric("SealLagSeconds", "Seconds"),
                    metric("Quarantined", "Count"),
                    metric("UnknownActors", "Count"),
                ],
            }],
        },
        "Checkpoints": run.checkpoints,
        "SealedLeaves": run.leaves,
        "SealLagSeconds": run.lag_seconds,
        "Quarantined": run.quarantined,
        "UnknownActors": run.unknown_actors,
    })
}
