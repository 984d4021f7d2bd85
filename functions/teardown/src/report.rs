//! Report: how it ended, what stays and why, what could not be proven. Written where it outlives everything.

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use serde_json::{Value, json};

use crate::{
    Context, Outcome, Run, StepError,
    clients::{AwsError, done},
    drain::COMPLETENESS,
    evidence::Kind,
};

impl Context<'_> {
    /// Of a run that was not stopped.
    pub(super) async fn report(&self, mut run: Run) -> Result<Run, StepError> {
        let outcome = match run.outcome {
            Some(planned) => planned,
            None if !run.unproven.is_empty() => Outcome::Unproven,
            None => self.deleted_now(&run).await?,
        };
        run.outcome = Some(outcome);
        let reason = match outcome {
            Outcome::Unproven => Some("not everything could be shown absent; see unproven".to_owned()),
            _ => None,
        };
        let run = self.publish(run, outcome, reason).await?;
        if let Some(stack) =
            run.stack.as_ref().filter(|_| run.unproven.iter().any(|n| n.what == COMPLETENESS))
        {
            self.forget(&stack.id, Kind::Unaudited).await?;
        }
        Ok(run)
    }

    /// Whether this run finished the deletion, begun by itself or by one before it, or there was nothing left.
    async fn deleted_now(&self, run: &Run) -> Result<Outcome, StepError> {
        let Some(stack) = &run.stack else { return Ok(Outcome::NothingToDo) };
        let done: Option<String> = self.recall(&stack.id, Kind::Done).await?;
        if done.as_deref().is_some_and(|execution| execution != self.execution)
            || (run.inventory.is_empty() && run.rounds == 0)
        {
            return Ok(Outcome::NothingToDo);
        }
        // A plan of what is left: nothing was done, so nothing is proven.
        if run.request["dryRun"] == true {
            return Ok(Outcome::Planned);
        }
        self.remember(&stack.id, Kind::Done, &self.execution.to_owned()).await?;
        Ok(Outcome::Deleted)
    }

    /// Of a run that a `Catch` ended.
    pub(super) async fn report_failure(&self, mut run: Run) -> Result<Run, StepError> {
        let caught = run.error.clone().unwrap_or_default();
        let outcome = match caught.error.as_str() {
            "Refused" => Outcome::Refused,
            _ if run.gone => Outcome::Unproven,
            _ => Outcome::Failed,
        };
        run.outcome = Some(outcome);
        let reason = message(&caught.cause);
        self.publish(run, outcome, Some(reason)).await
    }

    async fn publish(
        &self,
        mut run: Run,
        outcome: Outcome,
        reason: Option<String>,
    ) -> Result<Run, StepError> {
        let stack = run.stack.clone().unwrap_or_default();
        let name = run.request["stack"].as_str().unwrap_or_default().to_owned();
        let report = json!({
            "schema": "task.teardown/1",
            "execution": self.execution,
            "stack": name,
            "stackId": stack.id,
            "outcome": outcome,
            "reason": reason,
            "next": next(outcome, &name),
            "startedAt": run.started_at,
            "finishedAt": self.now,
            "states": run.states,
            "blockers": run.blockers,
            "inventory": run.inventory,
            "kept": run.kept,
            "unproven": run.unproven,
            "inventoryHash": run.inventory_hash,
            "planHash": run.plan_hash,
        });
        self.write_report(&report).await?;
        if !stack.id.is_empty() && self.holds(&stack.id).await? {
            self.forget(&stack.id, Kind::Lock).await?;
        }
        run.report = Some(report);
        Ok(run)
    }

    /// One log stream an execution. A repeated step writes the report once more, which is the same.
    async fn write_report(&self, report: &Value) -> Result<(), StepError> {
        let aws = self.aws;
        let (group, stream) = (&self.settings.report_log_group, self.execution_name());
        let create = aws.logs.create_log_stream().log_group_name(group).log_stream_name(stream).send().await;
        match create.map_err(AwsError::from) {
            Ok(_) => {}
            Err(error) if error.is(&["ResourceAlreadyExistsException"]) => {}
            Err(error) => return Err(error.stop("writing the report")),
        }
        let event =
            InputLogEvent::builder().timestamp(self.now.unix_millis()).message(report.to_string()).build();
        let event = event.map_err(|error| StepError::Failed(error.to_string()))?;
        let put = aws.logs.put_log_events().log_group_name(group).log_stream_name(stream).log_events(event);
        done(put.send().await, "writing the report").map(drop)
    }
}

/// What the state machine puts between an error and the one that restoring met.
const JOINT: &str = " -- and restoring failed: ";

/// The message of a Lambda error, which Step Functions hands over as JSON text.
fn message(cause: &str) -> String {
    let parts = cause.split(JOINT).map(|part| {
        let parsed = serde_json::from_str::<Value>(part).ok();
        let message = parsed.and_then(|cause| cause["errorMessage"].as_str().map(str::to_owned));
        message.unwrap_or_else(|| part.to_owned())
    });
    parts.collect::<Vec<_>>().join(JOINT)
}

/// What a person does now.
fn next(outcome: Outcome, stack: &str) -> String {
    match outcome {
        Outcome::Planned => format!("taskctl teardown start {stack}"),
        Outcome::Deleted | Outcome::NothingToDo => "taskctl teardown finish".to_owned(),
        Outcome::Refused => format!("answer the reason above, then: taskctl teardown plan {stack}"),
        Outcome::Failed => format!("mend the cause above, then: taskctl teardown start {stack}"),
        Outcome::Unproven => format!("look at what is unproven, then: taskctl teardown start {stack}"),
    }
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
