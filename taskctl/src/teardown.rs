//! `plan`, `start`, `watch` and `report`: an execution from its beginning to its report.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::Duration,
};

use ::deployment::names::report_log_group;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    aws::Aws,
    aws_error::{AwsError, Kind},
    cli::{Consents, PlanArgs, ReportArgs, StartArgs, TargetArgs, WatchArgs},
    clock,
    deployment::{self, Deployment},
    failure::{Exit, Failure},
    hint,
    report::{self, Report},
    request::{self, Request, account, execution_arn, execution_name, execution_short},
    screen::{self, Paint},
    watch::{self, Voice},
};

/// An execution that ends at once (refused, nothing to do) is told before the command returns.
const GLANCE: Duration = Duration::from_secs(5);

pub async fn plan(aws: &Aws, target: &TargetArgs, args: &PlanArgs) -> Result<Exit, Failure> {
    let deployment = deployment::required(aws, target).await?;
    let stack = deployment.service(args.stack.as_deref())?;
    screen::err(&format!("planning the teardown of {stack} at {}", aws.place));
    let execution = begin(aws, &deployment, &Request::plan(&stack, args.consents)).await?;
    watch::follow(aws, &execution, Voice::Quiet).await?;
    let report = report::of(aws, &deployment.report_group, &execution).await?;
    let start = hint::command(&format!("teardown start {stack}{}", request::flags(args.consents)));
    match report.outcome {
        _ if args.json => screen::out(&pretty(&report)),
        report::Outcome::Planned => {
            screen::out(&report::plan_text(&report, &start, Paint::stdout(), screen::width()));
        }
        _ => show(&report),
    }
    Ok(report.outcome.exit())
}

pub async fn start(aws: &Aws, target: &TargetArgs, args: &StartArgs) -> Result<Exit, Failure> {
    let Some(deployment) = deployment::find(aws, target).await? else {
        return without_workflow(aws, target, args.stack.as_deref()).await;
    };
    let stack = deployment.service(args.stack.as_deref())?;
    // Somebody who may only start executions cannot ask; then the workflow finds out.
    let absent = deployment::describe(aws, &stack).await.is_ok_and(|stack| stack.is_none());
    if absent && workflow_absent(aws, &deployment).await {
        return without_workflow(aws, target, Some(&stack)).await;
    }
    if !args.yes {
        confirm(aws, &deployment, &stack, args, absent)?;
    }
    let execution = begin(aws, &deployment, &Request::start(&stack, args)).await?;
    announce(aws, &stack, &execution, args.json);
    if args.watch {
        watch::follow(aws, &execution, if args.json { Voice::Json } else { Voice::Text }).await?;
    } else if !ends_soon(aws, &execution, absent).await? {
        let name = execution_short(&execution);
        screen::err(&format!("  watch it: {}", hint::command(&format!("teardown watch {name}"))));
        return Ok(Exit::Success);
    }
    conclude(aws, &deployment, &execution, args.json).await
}

pub async fn watch(aws: &Aws, target: &TargetArgs, args: &WatchArgs) -> Result<Exit, Failure> {
    let deployment = deployment::required(aws, target).await?;
    let execution = deployment.execution(aws, args.execution.as_deref(), false).await?;
    screen::err(&format!("watching {} at {}", execution_short(&execution), aws.place));
    watch::follow(aws, &execution, if args.json { Voice::Json } else { Voice::Text }).await?;
    conclude(aws, &deployment, &execution, args.json).await
}

pub async fn report(aws: &Aws, target: &TargetArgs, args: &ReportArgs) -> Result<Exit, Failure> {
    let report = match deployment::find(aws, target).await? {
        Some(deployment) if !workflow_absent(aws, &deployment).await => {
            let execution = deployment.execution(aws, args.execution.as_deref(), false).await?;
            report::of(aws, &deployment.report_group, &execution).await?
        }
        // The teardown stack is gone; its log group stays.
        _ => logged(aws, target, args.execution.as_deref()).await?,
    };
    if args.json {
        screen::out(&pretty(&report));
    } else {
        show(&report);
    }
    Ok(report.outcome.exit())
}

async fn logged(aws: &Aws, target: &TargetArgs, execution: Option<&str>) -> Result<Report, Failure> {
    let name = deployment::teardown_stack(aws, target);
    let group = report_log_group(&name);
    let found = match execution {
        Some(arn) if arn.starts_with("arn:") => report::logged(aws, &group, Some(arn), 0).await?,
        Some(name) => {
            return Err(Failure::usage(format!(
                "without its teardown stack, {name} must be named by its whole ARN"
            )));
        }
        None => report::logged(aws, &group, None, 0).await?,
    };
    let nothing = format!("there is no teardown stack {name} at {}, and no report in {group}", aws.place);
    found.ok_or_else(|| Failure::failed(nothing))
}

/// Starts an execution, once: a name chosen here makes every retry the same request.
async fn begin(aws: &Aws, deployment: &Deployment, request: &Request) -> Result<String, Failure> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| Failure::failed(format!("no random number: {error}")))?;
    let name = execution_name(clock::now(), random);
    let start = aws.sfn.start_execution().state_machine_arn(&deployment.state_machine).name(&name);
    let error = match start.input(request.json()).send().await {
        Ok(started) => return Ok(started.execution_arn),
        Err(error) => AwsError::from(error),
    };
    // Nobody else has this name: an earlier try went through, and its execution has ended already.
    if error.is("ExecutionAlreadyExists") {
        let arn = execution_arn(&deployment.state_machine, &name);
        return arn.ok_or_else(|| error.stop("starting the execution"));
    }
    if error.is("StateMachineDoesNotExist") {
        return Err(deployment::no_teardown_stack(aws, &deployment.teardown_stack));
    }
    let failure = error.stop("starting the execution");
    if error.kind == Kind::Unanswered {
        let maybe = hint::command(&format!("teardown watch {name}"));
        return Err(failure.next(format!("it may have begun all the same; see: {maybe}")));
    }
    Err(failure)
}

/// Nothing to start with. That is fine when there is nothing to tear down either.
async fn without_workflow(aws: &Aws, target: &TargetArgs, stack: Option<&str>) -> Result<Exit, Failure> {
    let teardown = deployment::teardown_stack(aws, target);
    let missing = deployment::no_teardown_stack(aws, &teardown);
    let Some(stack) = stack.or(aws.outputs.service_stack.as_deref()) else { return Err(missing) };
    if deployment::describe(aws, stack).await?.is_some() {
        return Err(missing);
    }
    screen::out(&format!(
        "nothing to do: there is neither a stack {stack} nor a teardown stack {teardown} at {}",
        aws.place
    ));
    Ok(Exit::Success)
}

async fn workflow_absent(aws: &Aws, deployment: &Deployment) -> bool {
    let described =
        aws.sfn.describe_state_machine().state_machine_arn(&deployment.state_machine).send().await;
    described.is_err_and(|error| AwsError::from(error).is("StateMachineDoesNotExist"))
}

/// The person types the name of what will be gone.
fn confirm(
    aws: &Aws,
    deployment: &Deployment,
    stack: &str,
    args: &StartArgs,
    absent: bool,
) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody can be asked here for the stack's name, so nothing was started")
            .next(hint::command(&format!("teardown plan {stack}")))
            .next(hint::command(&format!("teardown start {stack}{} --yes", request::flags(args.consents)))));
    }
    let account = account(&deployment.state_machine).unwrap_or("unknown");
    let Consents { no_keep_audit_log, no_backup, no_system_backup, .. } = args.consents;
    let log = if no_keep_audit_log { "The audit log is DELETED" } else { "The audit log is kept" };
    let backups = match (no_backup, no_system_backup) {
        (false, _) => "a backup of the table is kept",
        (true, false) => "of the table, only DynamoDB's own backup is kept, for 35 days",
        (true, true) => "NO backup of the table is kept",
    };
    let kept = format!("{log}; {backups}.");
    let what = if absent {
        format!("{stack} is not there (any more): this proves that nothing of it is left")
    } else {
        format!("This deletes the stack {stack} with everything in it. {kept}")
    };
    write!(
        io::stderr(),
        "{what}\n  where: account {account}, {}\nType the stack's name to go on: ",
        aws.place
    )
    .ok();
    io::stderr().flush().ok();
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).ok();
    if typed.trim() == stack {
        Ok(())
    } else {
        Err(Failure::refused("that is not the stack's name; nothing was started"))
    }
}

fn announce(aws: &Aws, stack: &str, execution: &str, json: bool) {
    if json {
        screen::out(&json!({"kind": "execution", "execution": execution, "stack": stack}).to_string());
    } else {
        screen::err(&format!("the teardown of {stack} began at {}", aws.place));
        screen::out(execution);
    }
}

/// Whether it has ended within a glance; `patient` waits for the end.
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
                Ok(described) if described.status().as_str() != "RUNNING" => return true,
                // It did begin; who may only start cannot look.
                Err(error) if error.denied() => return false,
                Ok(_) | Err(_) => {}
            }
        }
    };
    Ok(timeout(GLANCE, ended).await.unwrap_or(false))
}

/// The report and its exit code.
async fn conclude(aws: &Aws, deployment: &Deployment, execution: &str, json: bool) -> Result<Exit, Failure> {
    let report = report::of(aws, &deployment.report_group, execution).await?;
    if json {
        screen::out(&json!({"kind": "report", "report": report.raw}).to_string());
    } else {
        screen::out("");
        show(&report);
    }
    Ok(report.outcome.exit())
}

fn show(report: &Report) {
    screen::out(&report::text(report, Paint::stdout(), screen::width()));
}

fn pretty(report: &Report) -> String {
    serde_json::to_string_pretty(&report.raw).unwrap_or_default()
}
