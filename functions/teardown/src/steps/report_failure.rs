//! `ReportFailure`: how a run that a `Catch` ended has ended.

use contract::{Outcome, Run, Stop};
use serde_json::Value;

use crate::{Context, StepError, reporting::publish};

pub async fn take(context: &Context<'_>, run: Run) -> Result<Run, StepError> {
    let caught = run.error.clone().unwrap_or_default();
    let outcome = match Stop::parse(&caught.error) {
        Some(Stop::Refused) => Outcome::Refused,
        Some(Stop::Transient | Stop::Thawed | Stop::Failed) | None if run.gone => Outcome::Unproven,
        Some(Stop::Transient | Stop::Thawed | Stop::Failed) | None => Outcome::Failed,
    };
    publish(context, run, outcome, Some(message(&caught.cause))).await
}

/// The words that the state machine puts between an error and the one that restoring met.
const JOINT: &str = " -- and restoring failed: ";

/// Returns the message of a Lambda error, which Step Functions hands over as JSON text.
fn message(cause: &str) -> String {
    let parts = cause.split(JOINT).map(|part| {
        let parsed = serde_json::from_str::<Value>(part).ok();
        let message = parsed.and_then(|cause| cause["errorMessage"].as_str().map(str::to_owned));
        message.unwrap_or_else(|| part.to_owned())
    });
    parts.collect::<Vec<_>>().join(JOINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_shown_without_its_wrapping() {
        let lambda = r#"{"errorType":"Failed","errorMessage":"the table is locked"}"#;
        assert_eq!(message(lambda), "the table is locked");
        assert_eq!(message("plain"), "plain");
        let both = format!("{lambda}{JOINT}{lambda}");
        assert_eq!(message(&both), format!("the table is locked{JOINT}the table is locked"));
    }
}
