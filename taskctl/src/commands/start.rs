//! `start`: starts the teardown, once a person has confirmed it.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::Duration,
};

use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    account::{
        clients::Aws,
        deployment::{self, Deployment},
        error::AwsError,
        execution,
    },
    cli::{
        args::{Consents, StartArgs, TargetArgs},
        failure::{Exit, Failure},
        hint, request,
    },
    follow::watch::{self, Voice},
    report::print,
    terminal::screen,
};

/// An execution that ends at once (refused, nothing to do) is told before the command returns.
const GLANCE: Duration = Duration::from_secs(5);

pub async fn run(aws: &Aws, target: &TargetArgs, args: &StartArgs) -> Result<Exit, Failure> {
    let Some(deployment) = deployment::find(aws, target).await? else {
        return without_workflow(aws, target, args.stack.as_deref()).await;
    };
    let stack = deployment.service(args.stack.as_deref())?;
    // Somebody who may only start executions cannot ask; then the workflow finds out.
    let absent = deployment::describe(aws, &stack).await.is_ok_and(|stack| stack.is_none());
    if absent && deployment.workflow_gone(aws).await {
        return without_workflow(aws, target, Some(&stack)).await;
    }
    if !args.yes {
        confirm(aws, &deployment, &stack, args, absent)?;
    }
    let execution = execution::begin(aws, &deployment, &request::start(&stack, args)).await?;
    announce(aws, &stack, &execution, args.json);
    if args.watch {
        watch::follow(aws, &execution, if args.json { Voice::Json } else { Voice::Text }).await?;
    } else if !ends_soon(aws, &execution, absent).await? {
        let name = execution::short(&execution);
        screen::err(&format!("  watch it: {}", hint::command(&format!("teardown watch {name}"))));
        return Ok(Exit::Success);
    }
    print::conclude(aws, &deployment, &execution, args.json).await
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
            .next(hint::command(&format!(
                "teardown start {stack}{} --yes",
                request::flags(&request::start(stack, args))
            ))));
    }
    let account = deployment.account().unwrap_or("unknown");
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
