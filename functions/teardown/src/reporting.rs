//! The report, written where it outlives everything.

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use contract::{Evidence, Inventory, Outcome, Report, Run, SCHEMA};

use crate::{
    Context, StepError,
    aws::{AwsError, done},
};

/// Writes the report of a run that ended so, and lets go of the stack.
pub async fn publish(
    context: &Context<'_>,
    mut run: Run,
    outcome: Outcome,
    reason: Option<String>,
) -> Result<Run, StepError> {
    run.outcome = Some(outcome);
    let report = report(context, &run, outcome, reason);
    write(context, &report).await?;
    if !report.stack_id.is_empty() && context.holds(&report.stack_id).await? {
        context.forget(&report.stack_id, Evidence::Lock).await?;
    }
    run.report = Some(report);
    Ok(run)
}

fn report(context: &Context<'_>, run: &Run, outcome: Outcome, reason: Option<String>) -> Report {
    let inventory = if run.found.is_empty() {
        Inventory::Planned(run.inventory.clone())
    } else {
        Inventory::Found(run.found.clone())
    };
    let stack = run.request.stack.clone();
    Report {
        schema: SCHEMA.to_owned(),
        execution: context.execution.to_owned(),
        stack_id: run.stack.clone().unwrap_or_default().id,
        outcome,
        reason,
        next: next(outcome, &stack),
        stack,
        started_at: run.started_at.clone(),
        finished_at: context.now.to_string(),
        states: run.states.clone(),
        blockers: run.blockers.iter().map(|blocker| blocker.why.clone()).collect(),
        consents: run.missing_consents(),
        inventory,
        kept: run.kept.clone(),
        unproven: run.unproven.clone(),
        inventory_hash: run.inventory_hash.clone(),
        plan_hash: run.plan_hash.clone(),
    }
}

/// Writes one log stream per execution. A repeated step writes the report once more, which is the same.
async fn write(context: &Context<'_>, report: &Report) -> Result<(), StepError> {
    let (group, stream) = (&context.settings.report_log_group, context.execution_name());
    let logs = &context.aws.logs;
    let create = logs.create_log_stream().log_group_name(group).log_stream_name(stream).send().await;
    match create.map_err(AwsError::from) {
        Ok(_) => {}
        Err(error) if error.is(&["ResourceAlreadyExistsException"]) => {}
        Err(error) => return Err(error.stop("writing the report")),
    }
    let text = serde_json::to_string(report).map_err(|error| StepError::Failed(error.to_string()))?;
    let event = InputLogEvent::builder().timestamp(context.now.unix_millis()).message(text).build();
    let event = event.map_err(|error| StepError::Failed(error.to_string()))?;
    let put = logs.put_log_events().log_group_name(group).log_stream_name(stream).log_events(event);
    done(put.send().await, "writing the report").map(drop)
}

/// Returns what a person does now.
fn next(outcome: Outcome, stack: &str) -> String {
    match outcome {
        Outcome::Planned => format!("taskctl teardown start {stack}"),
        Outcome::Deleted | Outcome::NothingToDo => "taskctl teardown finish".to_owned(),
        Outcome::Refused => format!("answer the reason above, then: taskctl teardown plan {stack}"),
        Outcome::Failed => format!("fix the cause above, then: taskctl teardown start {stack}"),
        Outcome::Unproven => format!("look at what is unproven, then: taskctl teardown start {stack}"),
    }
}
