//! `approve` and `stop`: a person's word to an execution that runs.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::json;

use crate::{
    aws::Aws,
    aws_error::AwsError,
    cli::{ApproveArgs, StopArgs, TargetArgs},
    deployment,
    failure::{Exit, Failure},
    hint,
    history::{self, Event, Pending, What},
    request::{self, execution_short},
    screen,
    tracker::Tracker,
    watch,
};

pub async fn approve(aws: &Aws, target: &TargetArgs, args: &ApproveArgs) -> Result<Exit, Failure> {
    let deployment = deployment::required(aws, target).await?;
    let execution = deployment.execution(aws, args.execution.as_deref(), true).await?;
    let name = execution_short(&execution);
    let pending = waiting(aws, &execution).await?;
    let hash = pending.plan_hash();
    let hash = hash.as_deref();
    if let Some(wanted) = args.plan_hash.as_deref().filter(|wanted| Some(*wanted) != hash) {
        let hash = hash.unwrap_or("none");
        return Err(Failure::refused(format!(
            "{name} waits with another plan: its hash is {hash}, not {wanted}"
        ))
        .next(hint::command(&format!("teardown approve {name} --refuse --reason 'another plan'"))));
    }
    if args.refuse {
        let reason = args.reason.as_deref().unwrap_or("refused by a person");
        let send = aws.sfn.send_task_failure().task_token(&pending.token).error("Refused").cause(reason);
        send.send().await.map_err(|error| lost(&error.into(), name))?;
        screen::out(&format!("{name}: refused ({reason}); nothing is deleted"));
    } else {
        let send = aws
            .sfn
            .send_task_success()
            .task_token(&pending.token)
            .output(json!({"approved": true}).to_string());
        send.send().await.map_err(|error| lost(&error.into(), name))?;
        let plan = hash.map(|hash| format!(" (plan {hash})")).unwrap_or_default();
        screen::out(&format!("{name}: approved{plan}"));
    }
    screen::err(&format!("  watch it: {}", hint::command(&format!("teardown watch {name}"))));
    Ok(Exit::Success)
}

async fn waiting(aws: &Aws, execution: &str) -> Result<Pending, Failure> {
    let name = execution_short(execution);
    let events =
        watch::new_events(aws, execution, 0).await.map_err(|error| error.stop("reading the history"))?;
    if let Some(pending) = history::pending(&events) {
        return Ok(pending);
    }
    let (state, ended) = standing(name, &events);
    let what = match (ended, events.last()) {
        (Some(status), _) => format!("{name} has ended ({status})"),
        (None, Some(last))
            if events.iter().any(|event| history::waits_for_answer(event) && event.id >= last.id - 1) =>
        {
            return Err(Failure::failed(format!("{name} waits, but its history does not hold the task token"))
                .next("answer it with the token that the approval message holds: aws stepfunctions send-task-success"));
        }
        (None, _) => format!("{name} does not wait for an answer; it is at {state}"),
    };
    Err(Failure::refused(what).next(hint::command(&format!("teardown watch {name}"))))
}

fn lost(error: &AwsError, name: &str) -> Failure {
    let watch = hint::command(&format!("teardown watch {name}"));
    if error.is("TaskTimedOut") || error.is("TaskDoesNotExist") || error.is("InvalidToken") {
        return Failure::refused(format!("{name} no longer waits for an answer: {}", error.line()))
            .next(watch);
    }
    error.stop("sending the answer").next(watch)
}

pub async fn stop(aws: &Aws, target: &TargetArgs, args: &StopArgs) -> Result<Exit, Failure> {
    let deployment = deployment::required(aws, target).await?;
    let execution = deployment.execution(aws, args.execution.as_deref(), true).await?;
    let name = execution_short(&execution);
    if let Err(error) = stop_one(aws, &execution).await {
        let events =
            watch::new_events(aws, &execution, 0).await.map_err(|_| error.stop("stopping the execution"))?;
        return match standing(name, &events).1 {
            Some(status) => {
                screen::out(&format!("{name} had ended already ({status}); nothing was stopped"));
                Ok(Exit::Success)
            }
            None => Err(error.stop("stopping the execution")),
        };
    }
    let events = watch::new_events(aws, &execution, 0).await.unwrap_or_default();
    let (state, _) = standing(name, &events);
    let input = events.iter().find_map(|event| match &event.what {
        What::Started { input } => Some(input.as_str()),
        _ => None,
    });
    screen::out(&format!("{name}: stopped at {state}"));
    screen::out(&format!("A stopped execution does not undo itself. {}", left_behind(&state)));
    screen::out(&format!(
        "To go on where it stopped: {}",
        hint::command(&request::again(input.unwrap_or_default()))
    ));
    Ok(Exit::Success)
}

pub async fn stop_one(aws: &Aws, execution: &str) -> Result<(), AwsError> {
    let described = aws.sfn.describe_execution().execution_arn(execution).send().await?;
    if *described.status() != ExecutionStatus::Running {
        let message = format!("it has ended: {}", described.status().as_str());
        return Err(AwsError {
            kind: crate::aws_error::Kind::Answered,
            code: "NotRunning".to_owned(),
            message,
        });
    }
    let stop = aws.sfn.stop_execution().execution_arn(execution).error("Stopped");
    stop.cause("stopped by a person with taskctl").send().await?;
    Ok(())
}

/// The step an execution was last at, and how it ended if it has.
fn standing(name: &str, events: &[Event]) -> (String, Option<&'static str>) {
    let (mut tracker, mut state) = (Tracker::new(name), "its beginning".to_owned());
    for event in events {
        tracker.take(event);
        if let Some(span) = tracker.current() {
            state.clone_from(&span.state);
        }
    }
    (state, tracker.ended())
}

/// What a run stopped at this step has changed.
fn left_behind(state: &str) -> &'static str {
    match state {
        "Freeze" | "Drain" | "Backup" => {
            "The service may still be frozen: it answers 503 until the teardown goes on or is ended in an orderly way."
        }
        "Unprotect" => "The service may still be frozen, and its deletion protections off.",
        "Delete" | "Watch" | "Remedy" => {
            "CloudFormation goes on with a deletion it has begun; the service is frozen and its deletion protections are off."
        }
        "Sweep" | "Prove" | "Report" | "Announce" => {
            "The stack is gone; what it left behind is not proven gone."
        }
        "Restore" | "ReportFailure" => {
            "It was giving traffic and protection back, and may not have finished: start it again, or look at both yourself."
        }
        _ => "It had changed nothing yet.",
    }
}

#[cfg(test)]
mod tests {
    use super::{left_behind, standing};
    use crate::history::samples::{ended, entered, exited, history, scheduled, started};

    #[test]
    fn a_stopped_execution_says_where_it_stood() {
        let events = history(vec![
            started("t"),
            entered("Task", "Watch"),
            scheduled("invoke", ""),
            exited("{}"),
            entered("Wait", "WaitDeleted"),
        ]);
        assert_eq!(standing("e", &events), ("Watch".to_owned(), None));
        let events = history(vec![started("t"), entered("Task", "Drain"), ended("ABORTED", "Stopped")]);
        assert_eq!(standing("e", &events), ("Drain".to_owned(), Some("ABORTED")));
    }

    #[test]
    fn only_before_the_freeze_nothing_is_changed() {
        for state in ["Resolve", "Stabilise", "Inventory", "Preflight", "Plan", "Approve", "its beginning"] {
            assert_eq!(left_behind(state), "It had changed nothing yet.", "{state}");
        }
        for state in [
            "Freeze",
            "Drain",
            "Backup",
            "Unprotect",
            "Delete",
            "Watch",
            "Remedy",
            "Sweep",
            "Prove",
            "Report",
            "Announce",
            "Restore",
        ] {
            assert_ne!(left_behind(state), "It had changed nothing yet.", "{state}");
        }
    }
}
