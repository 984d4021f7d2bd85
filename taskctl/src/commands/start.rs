//! `start`: starts the teardown, once a person has confirmed it.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::Duration,
};

use aws_sdk_sfn::types::ExecutionStatus;
use contract::{Request, limits::SYSTEM_BACKUP_DAYS};
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
    follow::watch::{self, Voice},
    report::print,
    terminal::screen,
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
    if !args.yes {
        confirm(aws, &workflow, &stack, args, absent)?;
    }
    let execution = execution::begin(aws, &workflow, &request::start(&stack, args)).await?;
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

/// Ends well if there is nothing to tear down, and fails if there is: without a workflow nothing can be started.
async fn without_workflow(aws: &Aws, target: &TargetArgs, stack: Option<&str>) -> Result<Exit, Failure> {
    let teardown = workflow::stack_name(aws, target);
    let missing = workflow::missing(aws, &teardown);
    let Some(stack) = stack.or(aws.outputs.service_stack.as_deref()) else { return Err(missing) };
    if stack::describe(aws, stack).await?.is_some() {
        return Err(missing);
    }
    screen::out(&format!(
        "nothing to do: there is neither a stack {stack} nor a teardown stack {teardown} at {}",
        aws.place
    ));
    Ok(Exit::Success)
}

/// Asks the person to type the name of the stack.
fn confirm(
    aws: &Aws,
    workflow: &Workflow,
    stack: &str,
    args: &StartArgs,
    absent: bool,
) -> Result<(), Failure> {
    let request = request::start(stack, args);
    if !io::stdin().is_terminal() {
        let hash = args.plan_hash.as_ref().map(|hash| format!(" --plan-hash {hash}")).unwrap_or_default();
        let start = format!("teardown start {stack}{}{hash} --yes", request::flags(&request));
        return Err(Failure::usage("nobody can be asked here for the stack's name, so nothing was started")
            .next(hint::command(&format!("teardown plan {stack}")))
            .next(hint::command(&start)));
    }
    let account = workflow.account().unwrap_or("unknown");
    let what = if absent {
        format!("{stack} is not there (any more): this proves that nothing of it is left")
    } else {
        warning(&request)
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

/// Says what is deleted and what is kept.
fn warning(request: &Request) -> String {
    let log = if request.keep_audit_log { "The audit log is kept" } else { "The audit log is DELETED" };
    let backups = match (request.backup, request.system_backup) {
        (true, _) => "a backup of the table is kept".to_owned(),
        (false, true) => {
            format!("of the table, only DynamoDB's own backup is kept, for {SYSTEM_BACKUP_DAYS} days")
        }
        (false, false) => "NO backup of the table is kept".to_owned(),
    };
    format!("This deletes the stack {} with everything in it. {log}; {backups}.", request.stack)
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

#[cfg(test)]
mod tests {
    use contract::Request;

    use super::warning;

    #[test]
    fn a_person_is_told_what_stays_before_anything_goes() {
        let plan = Request::plan("tasks-dev".into());
        assert_eq!(
            warning(&plan),
            "This deletes the stack tasks-dev with everything in it. The audit log is kept; a backup of the table is kept."
        );
        let less = Request { backup: false, keep_audit_log: false, ..plan };
        assert!(warning(&less).ends_with(
            "The audit log is DELETED; of the table, only DynamoDB's own backup is kept, for 35 days."
        ));
        assert!(
            warning(&Request { system_backup: false, ..less }).ends_with("NO backup of the table is kept.")
        );
    }
}
