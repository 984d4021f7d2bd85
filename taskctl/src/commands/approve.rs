//! `approve`: answers an execution that waits, with yes or no.

use contract::{Approval, Stop};
use serde_json::json;

use crate::{
    account::{clients::Aws, error::AwsError, execution, workflow},
    cli::{
        args::{ApproveArgs, TargetArgs},
        failure::{Exit, Failure},
        hint,
    },
    follow::{history, standing::Standing, waiting},
    terminal::screen,
};

pub async fn run(aws: &Aws, target: &TargetArgs, args: &ApproveArgs) -> Result<Exit, Failure> {
    let workflow = workflow::required(aws, target).await?;
    let execution = workflow.execution(aws, args.execution.as_deref(), true).await?;
    let name = execution::short(&execution);
    let asked = asked(aws, &execution).await?;
    let hash = &asked.plan_hash;
    if let Some(wanted) = args.plan_hash.as_deref().filter(|wanted| wanted != hash) {
        return Err(Failure::refused(format!(
            "{name} waits with another plan: its hash is {hash}, not {wanted}"
        ))
        .next(hint::command(&format!("teardown approve {name} --refuse --reason 'another plan'"))));
    }
    if args.refuse {
        let reason = args.reason.as_deref().unwrap_or("refused by a person");
        let send = aws
            .sfn
            .send_task_failure()
            .task_token(&asked.task_token)
            .error(Stop::Refused.name())
            .cause(reason);
        send.send().await.map_err(|error| lost(&error.into(), name))?;
        screen::out(&format!("{name}: refused ({reason}); nothing is deleted"));
    } else {
        let send = aws
            .sfn
            .send_task_success()
            .task_token(&asked.task_token)
            .output(json!({"approved": true}).to_string());
        send.send().await.map_err(|error| lost(&error.into(), name))?;
        screen::out(&format!("{name}: approved (plan {hash})"));
    }
    screen::err(&format!("  watch it: {}", hint::command(&format!("teardown watch {name}"))));
    Ok(Exit::Success)
}

/// Returns the question that the execution waits with.
async fn asked(aws: &Aws, execution: &str) -> Result<Approval, Failure> {
    let name = execution::short(execution);
    let events =
        history::events_after(aws, execution, 0).await.map_err(|error| error.stop("reading the history"))?;
    if let Some(asked) = waiting::question(&events) {
        return Ok(asked);
    }
    let Standing { step, ended, .. } = Standing::after(&events);
    let what = match (ended, events.last()) {
        (Some(status), _) => format!("{name} has ended ({status})"),
        (None, Some(last))
            if events.iter().any(|event| waiting::waits_for_answer(event) && event.id >= last.id - 1) =>
        {
            return Err(Failure::failed(format!("{name} waits, but its history does not hold the task token"))
                .next("answer it with the token that the approval message holds: aws stepfunctions send-task-success"));
        }
        (None, _) => format!("{name} does not wait for an answer; it is at {step}"),
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
