//! `approve`: answers an execution that waits, with yes or no.

use contract::{Approval, Stop};
use serde_json::json;

use crate::{
    account::{
        clients::Aws,
        error::AwsError,
        execution,
        workflow::{self, Workflow},
    },
    cli::{
        args::{ApproveArgs, TargetArgs},
        failure::{Exit, Failure},
        hint,
    },
    follow::{
        history::{self, Event},
        standing::Standing,
        waiting,
    },
    report::{Written, find, plan::Plan, tables},
    terminal::{
        ask,
        clock::{self, Millis},
        screen::{self, Paint},
    },
};

/// Longer than a run waits for an answer, a day.
const WAITED: Millis = 25 * 60 * 60 * 1_000;

pub async fn run(aws: &Aws, target: &TargetArgs, args: &ApproveArgs) -> Result<Exit, Failure> {
    let workflow = workflow::required(aws, target).await?;
    let execution = workflow.execution(aws, args.execution.as_deref(), true).await?;
    let name = execution::short(&execution);
    let events =
        history::events_after(aws, &execution, 0).await.map_err(|error| error.stop("reading the history"))?;
    let asked = asked(&events, name)?;
    let hash = &asked.plan_hash;
    if let Some(wanted) = args.plan_hash.as_deref().filter(|wanted| wanted != hash) {
        return Err(Failure::refused(format!(
            "{name} waits with another plan: its hash is {hash}, not {wanted}"
        ))
        .next(hint::command(&format!("teardown approve {name} --refuse --reason 'another plan'"))));
    }
    if args.refuse {
        let reason = args.reason.as_deref().unwrap_or("refused by a person");
        let send = aws.sfn.send_task_failure().task_token(&asked.task_token);
        let send = send.error(Stop::Refused.name()).cause(reason);
        send.send().await.map_err(|error| lost(&error.into(), name))?;
        screen::out(&format!("{name}: refused ({reason}); nothing is deleted"));
    } else {
        if !args.yes {
            agreed(aws, &workflow, &events, &asked, name).await?;
        }
        let send = aws.sfn.send_task_success().task_token(&asked.task_token);
        let send = send.output(json!({"approved": true}).to_string());
        send.send().await.map_err(|error| lost(&error.into(), name))?;
        screen::out(&format!("{name}: approved (plan {hash})"));
    }
    screen::err(&format!("  watch it: {}", hint::command(&format!("teardown watch {name}"))));
    Ok(Exit::Success)
}

/// Shows the plan that waits, and asks the person to type the stack's name.
async fn agreed(
    aws: &Aws,
    workflow: &Workflow,
    events: &[Event],
    asked: &Approval,
    name: &str,
) -> Result<(), Failure> {
    let unseen = |why: &str| {
        let seen = format!("teardown approve {name} --yes --plan-hash {}", asked.plan_hash);
        Failure::usage(format!("{why}; nothing was approved")).next(hint::command(&seen))
    };
    if !ask::possible() {
        return Err(unseen("nobody can be asked here for the stack's name"));
    }
    let run = waiting::run(events).ok_or_else(|| unseen("the request cannot be read in the history"))?;
    let (request, since) = (run.request, clock::now() - WAITED);
    let written = find::plan(aws, &workflow.report_group, &asked.execution, since).await?;
    // Nobody may agree to what was not shown.
    let is_shown = |written: &Written| {
        written.report.plan_hash.as_deref() == Some(&asked.plan_hash) && !written.report.inventory.is_empty()
    };
    let written = written.filter(is_shown);
    let report = written.ok_or_else(|| unseen("the plan is not in the report log (yet)"))?.report;
    let tables = tables::of(aws, &report).await;
    let place = format!("account {}, {}", workflow.account().unwrap_or("unknown"), aws.place);
    let plan = Plan { report: &report, request: &request, tables: &tables };
    screen::err(&plan.question(&place, Paint::stderr(), screen::error_width()));
    if ask::typed("Type the stack's name to approve it: ", &asked.stack) {
        return Ok(());
    }
    Err(Failure::refused(format!("that is not the stack's name; {name} still waits"))
        .next(hint::command(&format!("teardown approve {name} --refuse"))))
}

/// Returns the question that the execution waits with.
fn asked(events: &[Event], name: &str) -> Result<Approval, Failure> {
    if let Some(asked) = waiting::question(events) {
        return Ok(asked);
    }
    let Standing { step, ended, .. } = Standing::after(events);
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
