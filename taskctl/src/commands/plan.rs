//! `plan`: shows what a teardown would do.

use crate::{
    account::{clients::Aws, deployment, execution},
    cli::{
        args::{PlanArgs, TargetArgs},
        failure::{Exit, Failure},
        hint,
        request::{self, Request},
    },
    follow::watch::{self, Voice},
    report::{Outcome, find, plan, print},
    terminal::screen::{self, Paint},
};

pub async fn run(aws: &Aws, target: &TargetArgs, args: &PlanArgs) -> Result<Exit, Failure> {
    let deployment = deployment::required(aws, target).await?;
    let stack = deployment.service(args.stack.as_deref())?;
    screen::err(&format!("planning the teardown of {stack} at {}", aws.place));
    let execution = execution::begin(aws, &deployment, &Request::plan(&stack, args.consents)).await?;
    watch::follow(aws, &execution, Voice::Quiet).await?;
    let report = find::of(aws, &deployment.report_group, &execution).await?;
    let start = hint::command(&format!("teardown start {stack}{}", request::flags(args.consents)));
    match report.outcome {
        _ if args.json => print::report(&report, true),
        Outcome::Planned => {
            screen::out(&plan::text(&report, &start, Paint::stdout(), screen::width()));
        }
        _ => print::report(&report, false),
    }
    Ok(report.outcome.exit())
}
