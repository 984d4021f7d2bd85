//! `start`: starts the teardown, once a person has confirmed it.

use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use contract::{Outcome, Request};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    account::{
        clients::Aws,
        error::AwsError,
        execution, stack,
        workflow::{self, Workflow},
    },
    cli::{
        args::{StartArgs, TargetArgs},
        failure::{Exit, Failure},
        hint, request,
    },
    commands::plan,
    follow::watch::{self, Voice},
    report::{
        plan::{Plan, warning},
        print, tables, text,
    },
    terminal::{
        ask,
        screen::{self, Paint},
    },
};

/// The time given to an execution that ends at once (refused, nothing to do), so that its report is shown right away.
const GLANCE: Duration = Duration::from_secs(5);

pub async fn run(aws: &Aws, target: &TargetArgs, args: &StartArgs) -> Result<Exit, Failure> {
    let Some(workflow) = workflow::find(aws, target).await? else {
        return without_workflow(aws, target, args.stack.as_deref()).await;
    };
    let stack = workflow.service(args.stack.as_deref())?;
    // Whoever may only start executions cannot look; then the workflow finds out.
    let absent = stack::describe(aws, &stack).await.is_ok_and(|stack| stack.is_none());
    if absent && workflow.gone(aws).await {
        return without_workflow(aws, target, Some(&stack)).await;
    }
    let mut request = request::start(&stack, args);
    if !args.yes
        && let Some(hash) = agreed(aws, &workflow, &request, absent).await?
    {
        request.plan_hash = Some(hash);
    }
    let execution = execution::begin(aws, &workflow, &request).await?;
    announce(aws, &stack, &execution, args.json);
    if args.watch {
        watch::follow(aws, &execution, if args.json { Voice::Json } else { Voice::Text }).await?;
    } else if !ends_soon(aws, &execution, absent).await? {
        let name = execution::short(&execution);
        screen::err(&format!("  watch it: {}", hint::command(&format!("teardown watch {name}"))));
        return Ok(Exit::Success);
    }
    print::conclude(aws, &workflow, &execution, args.json).await
}

/// Says what is missing: without a workflow nothing can be started, and nothing be proven of a stack that is not there.
async fn without_workflow(aws: &Aws, target: &TargetArgs, stack: Option<&str>) -> Result<Exit, Failure> {
    let teardown = workflow::stack_name(aws, target);
    let missing = workflow::missing(aws, &teardown);
    let Some(stack) = stack.or(aws.outputs.service_stack.as_deref()) else { return Err(missing) };
    if stack::describe(aws, stack).await?.is_some() {
        return Err(missing);
    }
    Err(Failure::unproven(format!(
        "there is neither a stack {stack} nor a teardown stack {teardown} at {}, so nothing is proven: is this the right place?",
        aws.place
    )))
}

/// Shows the plan and asks the person to type the stack's name. Returns the hash of the plan that was agreed to, which the
/// execution is held to; `None` where there is nothing left to plan, or none could be made.
async fn agreed(
    aws: &Aws,
    workflow: &Workflow,
    request: &Request,
    absent: bool,
) -> Result<Option<String>, Failure> {
    let stack = &request.stack;
    if !ask::possible() {
        return Err(nobody_to_ask(request));
    }
    let place = format!("account {}, {}", workflow.account().unwrap_or("unknown"), aws.place);
    let (shown, hash) = if absent {
        let what = format!("{stack} is not there (any more): this proves that nothing of it is left");
        (format!("{what}\n  where: {place}"), None)
    } else {
        shown(aws, workflow, request, &place).await?
    };
    screen::err(&shown);
    if ask::typed("Type the stack's name to go on: ", stack) {
        Ok(hash)
    } else {
        Err(Failure::refused("that is not the stack's name; nothing was started"))
    }
}

/// Returns the plan with its hash. Whoever may start an execution and not look at one is asked without it.
async fn shown(
    aws: &Aws,
    workflow: &Workflow,
    request: &Request,
    place: &str,
) -> Result<(String, Option<String>), Failure> {
    let (paint, width) = (Paint::stderr(), screen::error_width());
    let written = match plan::made(aws, workflow, request).await {
        Ok(written) => written,
        Err(failure) if failure.passes || failure.exit == Exit::Interrupted => return Err(failure),
        Err(failure) => {
            let shown = format!("The plan cannot be shown: {}\n{}", failure.what, warning(request));
            return Ok((format!("{shown}\n  where: {place}"), None));
        }
    };
    let report = &written.report;
    let tables = tables::of(aws, report).await;
    let question = Plan { report, request, tables: &tables }.question(place, paint, width);
    let hash = report.plan_hash.clone();
    if report.outcome != Outcome::Planned {
        screen::err(&text::report(&written, paint, width));
        return Err(Failure::refused("there is no plan to agree to; nothing was started"));
    }
    if !report.blockers.is_empty() {
        screen::err(&question);
        return Err(Failure::refused("something stands in the way; nothing was started")
            .next(hint::command(&format!("teardown plan {}{}", request.stack, request::flags(request)))));
    }
    match (&request.plan_hash, &hash) {
        (Some(wanted), Some(now)) if wanted != now => {
            Err(Failure::refused(format!("the plan is now {now}, not {wanted}; nothing was started"))
                .next(hint::command(&format!("teardown plan {}{}", request.stack, request::flags(request)))))
        }
        _ => Ok((question, hash)),
    }
}

fn nobody_to_ask(request: &Request) -> Failure {
    let stack = &request.stack;
    let hash = request.plan_hash.as_ref().map(|hash| format!(" --plan-hash {hash}")).unwrap_or_default();
    let start = format!("teardown start {stack}{}{hash} --yes", request::flags(request));
    Failure::usage("nobody can be asked here for the stack's name, so nothing was started")
        .next(hint::command(&format!("teardown plan {stack}")))
        .next(hint::command(&start))
}

fn announce(aws: &Aws, stack: &str, execution: &str, json: bool) {
    if json {
        screen::out(&json!({"kind": "execution", "execution": execution, "stack": stack}).to_string());
    } else {
        screen::err(&format!("the teardown of {stack} began at {}", aws.place));
        screen::out(execution);
    }
}

/// Tells whether the execution ends within [`GLANCE`]; `patient` waits for its end.
async fn ends_soon(aws: &Aws, execution: &str, patient: bool) -> Result<bool, Failure> {
    if patient {
        watch::follow(aws, execution, Voice::Quiet).await?;
        return Ok(true);
    }
    let ended = async {
        loop {
            sleep(Duration::from_millis(300)).await;
            let described = aws.sfn.describe_execution().execution_arn(execution).send().await;
            match described.map_err(AwsError::from) {
                Ok(described) if *described.status() != ExecutionStatus::Running => return true,
                // It has begun; whoever may only start executions cannot look.
                Err(error) if error.denied() => return false,
                Ok(_) | Err(_) => {}
            }
        }
    };
    Ok(timeout(GLANCE, ended).await.unwrap_or(false))
}
