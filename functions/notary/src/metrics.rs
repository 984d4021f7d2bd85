//! A run's figures, as a line that CloudWatch Logs makes a metric of ("Embedded metric format").
//!
//! Only the lag is one, since each metric is paid by the month; the line has the others for whoever reads it.

use serde_json::{Value, json};

use crate::notary::Run;

/// Returns the line for a run.
#[must_use]
pub fn line(run: &Run, namespace: &str, now_millis: i64) -> Value {
    json!({
        "_aws": {
            "Timestamp": now_millis,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [[]],
                "Metrics": [{"Name": "SealLagSeconds", "Unit": "Seconds"}],
            }],
        },
        "Checkpoints": run.checkpoints,
        "SealedLeaves": run.leaves,
        "SealLagSeconds": run.lag_seconds,
        "Quarantined": run.quarantined,
        "UnknownActors": run.unknown_actors,
    })
}
