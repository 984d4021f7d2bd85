//! The report, written where it outlives everything.

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use contract::{Evidence, Found, FoundFate, Noted, Outcome, PLAN_SCHEMA, Report, Run, SCHEMA, Strays, parts};
use sha2::{Digest, Sha256};
use stacks::{AwsError, Error, done, types};

use crate::{Context, StepError};

/// Writes the report of a run that ended so, and lets go of the stack.
pub async fn publish(
    context: &Context<'_>,
    mut run: Run,
    outcome: Outcome,
    reason: Option<String>,
) -> Result<Run, StepError> {
    run.outcome = Some(outcome);
    note_earlier_backups(context, &mut run).await?;
    let mut report = report(context, &run, outcome, reason);
    if !write(context, &report).await? {
        // The execution's output and the event have it all the same.
        let group = &context.settings.report_log_group;
        run.keep(Noted::new(
            Noted::REPORT,
            group,
            "this report, in the execution and in its event alone",
            format!("the log group {group} is gone: deploy the teardown stack again"),
        ));
        report.kept.clone_from(&run.kept);
    }
    if !report.stack_id.is_empty() && context.holds(&report.stack_id).await? {
        context.forget(&report.stack_id, Evidence::Lock).await?;
    }
    run.report = Some(report.brief());
    Ok(run)
}

/// Writes the plan of a run that waits for approval, for the person who reads it.
pub async fn publish_plan(context: &Context<'_>, run: &Run) -> Result<(), StepError> {
    let plan = report(context, run, Outcome::Planned, None);
    // Without the log group nobody can read it, and approve says so.
    write(context, &Report { schema: PLAN_SCHEMA.to_owned(), ..plan }).await.map(drop)
}

fn report(context: &Context<'_>, run: &Run, outcome: Outcome, reason: Option<String>) -> Report {
    let inventory = run.lists().inventory;
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
        counts: inventory.counts(),
        inventory,
        emptied: emptied(run),
        restored: run.restored.clone(),
        kept: run.kept.clone(),
        unproven: run.unproven.clone(),
        left_out: 0,
        inventory_hash: run.inventory_hash.clone(),
        plan_hash: run.plan_hash.clone(),
    }
}

/// Returns what was destroyed of the changes that never reached the audit log: the quarantine, too, once it is shown absent.
fn emptied(run: &Run) -> Vec<Noted> {
    let absent = |strays: &&Strays| {
        let of_place = |entry: &&Found| entry.kind == strays.kind && entry.physical_id == strays.place;
        run.found.iter().find(of_place).is_some_and(|entry| entry.fate == FoundFate::Absent)
    };
    let mut with_quarantine = run.clone();
    for gone in run.strays.iter().filter(absent) {
        with_quarantine.destroyed(gone);
    }
    with_quarantine.emptied
}

/// Notes the backups that earlier runs made of this stack's table: none has an end of its own. A look that is refused says nothing.
async fn note_earlier_backups(context: &Context<'_>, run: &mut Run) -> Result<(), StepError> {
    let Some(name) = run.stack.as_ref().map(|stack| stack.name.clone()) else { return Ok(()) };
    let planned = run.inventory.iter().map(|entry| (&entry.kind, &entry.physical_id));
    let found = run.found.iter().map(|entry| (&entry.kind, &entry.physical_id));
    let tables: BTreeSet<_> = planned
        .chain(found)
        .filter(|(kind, _)| *kind == types::TABLE)
        .map(|(_, table)| table.clone())
        .collect();
    for table in tables {
        match context.aws.backups(&table).await {
            Ok(backups) => {
                let ours =
                    backups.iter().filter(|backup| is_ours(backup.backup_name().unwrap_or_default(), &name));
                for arn in ours.filter_map(|backup| backup.backup_arn()) {
                    if !run.kept.iter().any(|noted| noted.is_about(Noted::BACKUP, arn)) {
                        run.keep(Noted::backup(arn, "taken by an earlier run (backup)"));
                    }
                }
            }
            Err(passing @ Error::Transient(_)) => return Err(passing.into()),
            Err(error) => tracing::warn!(%error, "earlier backups are not reported"),
        }
    }
    Ok(())
}

/// Tells whether a backup has the name that Backup gives: the stack's, and 16 digits of a hash.
fn is_ours(backup: &str, stack: &str) -> bool {
    let digits = backup.strip_prefix(stack).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Writes one log stream per execution; false where the log group is gone. A repeated step writes the report once more, which is
/// the same.
async fn write(context: &Context<'_>, report: &Report) -> Result<bool, StepError> {
    let (group, stream) = (&context.settings.report_log_group, context.execution_name());
    let logs = &context.aws.logs;
    let create = logs.create_log_stream().log_group_name(group).log_stream_name(stream).send().await;
    match create.map_err(AwsError::from) {
        Ok(_) => {}
        Err(error) if error.is(&["ResourceAlreadyExistsException"]) => {}
        Err(error) if error.is(&["ResourceNotFoundException"]) => return Ok(false),
        Err(error) => return Err(error.stop("writing the report").into()),
    }
    let text = serde_json::to_string(report).map_err(|error| StepError::Failed(error.to_string()))?;
    let name = hex::encode(Sha256::digest(&text));
    // A call of its own for each line: together they have room for 1 MiB.
    for line in parts::lines(&text, context.execution, &name) {
        let event = InputLogEvent::builder().timestamp(context.now.unix_millis()).message(line).build();
        let event = event.map_err(|error| StepError::Failed(error.to_string()))?;
        let put = logs.put_log_events().log_group_name(group).log_stream_name(stream).log_events(event);
        done(put.send().await, "writing the report")?;
    }
    Ok(true)
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

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn a_backup_is_known_by_its_name() {
        assert!(is_ours("tasks-dev-0123456789abcdef", "tasks-dev"));
        for other in [
            "tasks-dev-0123456789abcde",
            "tasks-dev-by-hand-01234567",
            "tasks-dev-blue-0123456789abcdef",
            "x",
        ] {
            assert!(!is_ours(other, "tasks-dev"), "{other}");
        }
    }
}
