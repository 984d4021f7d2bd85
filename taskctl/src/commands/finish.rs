//! `finish`: deletes the teardown stack itself, as the operator, and proves it gone.

use std::time::Duration;

use aws_sdk_cloudformation::types::{Stack, StackStatus};
use aws_sdk_dynamodb::types::{AttributeValue, TableStatus};
use aws_sdk_sfn::types::ExecutionStatus;
use contract::{Evidence, limits::SYSTEM_BACKUP_DAYS};
use deployment::names::report_log_group;
use tokio::time::sleep;

use crate::{
    account::{
        clients::Aws,
        error::AwsError,
        execution, stack,
        workflow::{self, Workflow},
    },
    cli::{
        args::{FinishArgs, TargetArgs},
        failure::{Exit, Failure},
        hint,
    },
    follow::{note::Note, stack_events::Feed},
    terminal::{
        clock,
        layout::one_line,
        screen::{self, Paint, Progress},
    },
};

/// The longest wait: no deletion of such a small stack has ever taken so long.
const LONGEST: clock::Millis = 30 * 60_000;
const LOOK: Duration = Duration::from_secs(2);
const LOOKS_AT_TABLE: u32 = 60;
const SKEW: clock::Millis = 2_000;

pub async fn run(aws: &Aws, target: &TargetArgs, args: &FinishArgs) -> Result<Exit, Failure> {
    let name = workflow::stack_name(aws, target);
    let Some(stack) = stack::describe(aws, &name).await? else {
        screen::out(&format!("nothing to do: there is no stack {name} at {}", aws.place));
        return Ok(Exit::Success);
    };
    let outputs = stack::outputs_of(&stack);
    let evidence = outputs.get("EvidenceTable").cloned().unwrap_or_else(|| format!("{name}-evidence"));
    let group = outputs.get("ReportLogGroup").cloned().unwrap_or_else(|| report_log_group(&name));
    if let Some(state_machine) = outputs.get("StateMachineArn") {
        let services = workflow::services(aws, &stack, &outputs).await;
        let services = if args.although_still_needed { services.unwrap_or_default() } else { services? };
        let workflow = Workflow {
            teardown_stack: name.clone(),
            state_machine: state_machine.clone(),
            plan_machine: outputs.get("PlanMachineArn").cloned(),
            report_group: group.clone(),
            services,
            has_default: false,
        };
        still_needed(aws, &workflow, &evidence, args.although_still_needed).await?;
    } else if !was_teardown(&stack) {
        return Err(Failure::refused(format!(
            "the stack {name} has no output StateMachineArn: it is not a teardown stack"
        ))
        .next("name the right one: --teardown-stack NAME"));
    }
    let id = stack.stack_id().unwrap_or(&name).to_owned();
    unprotect(aws, &evidence).await?;
    delete(aws, &name, &id).await?;
    screen::out(&format!("{name}: deleted, and proven gone by its id {id}"));
    kept(aws, &group);
    Ok(Exit::Success)
}

/// Tells whether a stack without outputs may be a teardown stack: one that was created or deleted only half-way.
fn was_teardown(stack: &Stack) -> bool {
    let status = stack.stack_status().map(StackStatus::as_str).unwrap_or_default();
    [
        "DELETE_FAILED",
        "DELETE_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "CREATE_FAILED",
        "REVIEW_IN_PROGRESS",
    ]
    .contains(&status)
        && stack.description().is_none_or(|text| text.to_ascii_lowercase().contains("teardown"))
}

/// Refuses while a service stack or an execution needs the workflow: without it, that stack could get stuck.
async fn still_needed(aws: &Aws, workflow: &Workflow, evidence: &str, although: bool) -> Result<(), Failure> {
    let name = &workflow.teardown_stack;
    let mut there = Vec::new();
    for service in &workflow.services {
        if let Some(stack) = stack::describe(aws, service).await? {
            there.push((service.as_str(), stack.stack_id().unwrap_or_default().to_owned()));
        }
    }
    if !there.is_empty() && !although {
        let there: Vec<_> = there.iter().map(|(service, _)| *service).collect();
        let failure = format!("{name} is still needed: it serves {}, which is there", there.join(", "));
        return Err(Failure::refused(failure)
            .next(hint::command(&format!("teardown start {}", there.first().unwrap_or(&""))))
            .next(hint::command(
                "teardown finish --although-still-needed, to leave that stack to its owner",
            )));
    }
    for (service, id) in &there {
        nothing_is_remembered(aws, evidence, service, id).await?;
    }
    for machine in [Some(&workflow.state_machine), workflow.plan_machine.as_ref()].into_iter().flatten() {
        nothing_runs(aws, workflow, machine, although).await?;
    }
    // A run that was stopped just now may have stopped the API meanwhile.
    for (service, id) in &there {
        nothing_is_remembered(aws, evidence, service, id).await?;
    }
    Ok(())
}

/// Refuses while an execution runs, or stops it.
async fn nothing_runs(aws: &Aws, workflow: &Workflow, machine: &str, although: bool) -> Result<(), Failure> {
    let name = &workflow.teardown_stack;
    for running in execution::list(aws, workflow, machine, Some(ExecutionStatus::Running)).await? {
        let arn = running.execution_arn();
        // A name alone means one of the workflow's executions.
        let short = if machine == workflow.state_machine { execution::short(arn) } else { arn };
        if !although {
            return Err(Failure::refused(format!("{name} is at work: the execution {short} runs"))
                .next(hint::command(&format!("teardown watch {short}")))
                .next(hint::command(&format!("teardown stop {short}"))));
        }
        // A state machine with a running execution stays in DELETING until that ends.
        execution::stop(aws, arn).await.map_err(|error| error.stop("stopping the execution"))?;
        screen::err(&format!("stopped the execution {short}; it does not undo itself"));
    }
    Ok(())
}

/// Refuses while a run has stopped a service's API or lifted its protections: what they were before is in the evidence, which would
/// go with the teardown stack.
async fn nothing_is_remembered(aws: &Aws, table: &str, service: &str, id: &str) -> Result<(), Failure> {
    for (what, words) in
        [(Evidence::Freeze, "its API is stopped"), (Evidence::Unprotect, "its protections are off")]
    {
        let key = |value: &str| AttributeValue::S(value.to_owned());
        let get = aws.dynamodb.get_item().table_name(table).consistent_read(true);
        let get = get.key("PK", key(id)).key("SK", key(what.name())).send().await.map_err(AwsError::from);
        match get {
            Ok(got) if got.item.is_none() => {}
            Ok(_) => {
                return Err(Failure::refused(format!(
                    "{service} is not as it was before a teardown: {words}, and only this workflow remembers how to undo that"
                ))
                .next(hint::command("teardown stop, if a run is under way"))
                .next(hint::command(&format!("teardown undo {service}")))
                .next(hint::command("teardown finish --although-still-needed")));
            }
            Err(error) if error.is("ResourceNotFoundException") => {}
            Err(error) => return Err(error.stop("reading what runs have changed")),
        }
    }
    Ok(())
}

/// Lifts the deletion protection of the evidence table, which has served its purpose.
async fn unprotect(aws: &Aws, table: &str) -> Result<(), Failure> {
    let update = aws.dynamodb.update_table().table_name(table).deletion_protection_enabled(false);
    match update.send().await.map_err(AwsError::from) {
        Ok(_) => {}
        Err(error) if error.is("ResourceNotFoundException") => return Ok(()),
        Err(error) => return Err(error.stop("lifting the evidence table's deletion protection")),
    }
    // While it is being updated, it cannot be deleted.
    for _ in 0..LOOKS_AT_TABLE {
        let described = aws.dynamodb.describe_table().table_name(table).send().await.map_err(AwsError::from);
        let described = described.map_err(|error| error.stop("reading the evidence table"))?;
        if described.table().and_then(|table| table.table_status()) != Some(&TableStatus::Updating) {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// Deletes the stack as the caller, without a role, and by its id, which a new stack of the same name does not have.
async fn delete(aws: &Aws, name: &str, id: &str) -> Result<(), Failure> {
    let since = clock::now();
    screen::err(&format!("deleting {name} at {}", aws.place));
    let delete = aws
        .cloudformation
        .delete_stack()
        .stack_name(id)
        .client_request_token(format!("taskctl-finish-{since}"));
    if let Err(error) = delete.send().await.map_err(AwsError::from) {
        return Err(not_deleted(name, &error));
    }
    let (mut feed, mut progress) = (Feed::default(), Progress::new());
    let mut reasons = Vec::new();
    loop {
        let stack = stack::describe(aws, id).await?;
        let status = stack.as_ref().and_then(Stack::stack_status).map(|status| status.as_str().to_owned());
        // The events are only shown, so an error in reading them stops nothing.
        for note in feed.poll(aws, id, since - SKEW, None).await.unwrap_or_default() {
            if let Some(line) = note.line(Paint::stderr()) {
                progress.clear();
                screen::err(&line);
            }
            reasons.extend(failed(&note));
        }
        match status.as_deref() {
            Some("DELETE_COMPLETE") => return Ok(()),
            Some("DELETE_IN_PROGRESS") => {}
            // CloudFormation shows a deleted stack by its id for 90 days, so "not there" proves nothing unless the name is free too.
            None => {
                return match stack::describe(aws, name).await? {
                    None => Ok(()),
                    Some(_) => Err(unproven(name)),
                };
            }
            Some(status) => {
                let own = stack.and_then(|stack| stack.stack_status_reason).map(|reason| one_line(&reason));
                return Err(left(name, status, &reasons, own));
            }
        }
        let lasted = clock::now() - since;
        if lasted > LONGEST {
            return Err(unproven(name));
        }
        progress.show(&format!("{name}: {} so far: {}", clock::duration(lasted), feed.progress(None)));
        sleep(LOOK).await;
    }
}

fn failed(note: &Note) -> Option<String> {
    match note {
        Note::Resource { logical_id, status, reason, .. } if status == "DELETE_FAILED" => {
            Some(format!("{logical_id}: {}", one_line(reason)))
        }
        _ => None,
    }
}

fn not_deleted(name: &str, error: &AwsError) -> Failure {
    let failure = error.stop(&format!("deleting {name}"));
    if error.message.contains("TerminationProtection") || error.message.contains("termination protection") {
        return failure
            .next(format!("aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {name}"))
            .next(hint::command("teardown finish"));
    }
    if error.message.contains("is invalid or cannot be assumed") {
        return failure.next("it was deployed with an execution role, which it must not be: deploy it once more as docs/teardown.md says");
    }
    failure.next(hint::command("teardown finish"))
}

fn left(name: &str, status: &str, reasons: &[String], own: Option<String>) -> Failure {
    let why = if reasons.is_empty() { own.unwrap_or_default() } else { reasons.join("; ") };
    let next = if why.contains("attached") {
        "detach the starter policy from users, groups and roles, then finish again"
    } else {
        "remove what the reason names, then finish again"
    };
    Failure::failed(format!("{name} is {status}: {why}")).next(next).next(hint::command("teardown finish"))
}

fn unproven(name: &str) -> Failure {
    Failure::unproven(format!("{name} is not shown to be gone")).next(hint::command("teardown finish"))
}

fn kept(aws: &Aws, group: &str) {
    screen::out("Kept on purpose:");
    screen::out(&format!("  the log group {group}, with the reports, for as long as its retention says"));
    screen::out(&format!(
        "  at {}; to delete it too: aws logs delete-log-group --log-group-name {group}",
        aws.place
    ));
    screen::out(&format!(
        "  DynamoDB's own backup of the evidence table, which has point-in-time recovery: it goes by itself after {SYSTEM_BACKUP_DAYS} days"
    ));
}

#[cfg(test)]
mod tests {
    use super::{left, not_deleted};
    use crate::{
        account::error::{AwsError, Kind},
        cli::failure::Exit,
    };

    #[test]
    fn a_stack_that_is_left_names_its_reasons_and_the_way_on() {
        let reasons = ["StarterPolicy: Cannot delete a policy attached to entities.".to_owned()];
        let failure = left("tasks-teardown", "DELETE_FAILED", &reasons, None);
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.what.contains("DELETE_FAILED: StarterPolicy: Cannot delete"), "{failure}");
        assert!(failure.next[0].starts_with("detach the starter policy"), "{failure}");
        let other = left("tasks-teardown", "DELETE_FAILED", &[], Some("no".into()));
        assert!(other.what.ends_with("DELETE_FAILED: no"), "{other}");
    }

    #[test]
    fn a_refused_deletion_says_how_to_go_on() {
        let refused = |message: &str| {
            let error =
                AwsError { kind: Kind::Answered, code: "ValidationError".into(), message: message.into() };
            not_deleted("tasks-teardown", &error)
        };
        let protected = refused("Stack [x] cannot be deleted while TerminationProtection is enabled");
        assert!(protected.next[0].contains("--no-enable-termination-protection"), "{protected}");
        let role = refused("Role arn:aws:iam::1:role/cdk is invalid or cannot be assumed");
        assert!(role.next[0].contains("deployed with an execution role"), "{role}");
    }
}
