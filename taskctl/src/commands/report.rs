//! `report`: shows how an execution ended.

use std::{
    io::{self, Write},
    path::Path,
};

use deployment::names::report_log_group;

use crate::{
    account::{clients::Aws, workflow},
    cli::{
        args::{ReportArgs, TargetArgs},
        failure::{Exit, Failure},
    },
    commands::audit::output::Target,
    report::{Written, find, page, print},
    terminal::{clock, screen},
};

pub async fn run(aws: &Aws, target: &TargetArgs, args: &ReportArgs) -> Result<Exit, Failure> {
    let written = match workflow::find(aws, target).await? {
        Some(workflow) if !workflow.gone(aws).await => {
            let execution = workflow.execution(aws, args.execution.as_deref(), false).await?;
            find::of(aws, &workflow.report_group, &execution).await?
        }
        // The teardown stack is gone, but its log group stays.
        _ => logged(aws, target, args.execution.as_deref()).await?,
    };
    match &args.html {
        Some(path) => write(path, &page::page(&written, &aws.place, clock::now()))?,
        None => print::report(&written, args.json),
    }
    Ok(written.report.outcome.into())
}

fn write(path: &Path, page: &str) -> Result<(), Failure> {
    let unwritable = |error: io::Error| Failure::failed(format!("--html {}: {error}", path.display()));
    let mut target = Target::open(Some(path)).map_err(unwritable)?;
    target.write_all(page.as_bytes()).map_err(unwritable)?;
    target.finish().map_err(unwritable)?;
    screen::err(&format!("the report is in {}", path.display()));
    Ok(())
}

async fn logged(aws: &Aws, target: &TargetArgs, execution: Option<&str>) -> Result<Written, Failure> {
    let name = workflow::stack_name(aws, target);
    let group = report_log_group(&name);
    let found = match execution {
        Some(arn) if arn.starts_with("arn:") => find::logged(aws, &group, Some(arn), 0).await?,
        Some(name) => {
            return Err(Failure::usage(format!(
                "without its teardown stack, {name} must be named by its whole ARN"
            )));
        }
        None => find::logged(aws, &group, None, 0).await?,
    };
    let nothing = format!("there is no teardown stack {name} at {}, and no report in {group}", aws.place);
    found.ok_or_else(|| Failure::failed(nothing))
}
