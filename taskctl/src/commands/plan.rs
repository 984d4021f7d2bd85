//! `plan`: shows what a teardown would do.

use contract::Outcome;

use crate::{
    account::{clients::Aws, deployment, execution},
    cli::{
        args::{PlanArgs, TargetArgs},
        failure::{Exit, Failure},
        hint, request,
    },
    follow::watch::{self, Voice},
    report::{find, plan, print},
    terminal::screen::{self, Paint},
};

pub async fn run(aws: &Aws, target: &TargetArgs, args: &PlanArgs) -> Result<Exit, Failure> {
    let deployment = deployment::required(aws, target).await?;
    let stack = deployment.service(args.stack.as_deref())?;
    screen::err(&format!("planning the teardown of {stack} at {}", aws.place));
    let request = request::plan(&stack, args.consents);
    let execution = execution::begin(aws, &deployment, &request).await?;
    watch::follow(aws, &execution, Voice::Quiet).await?;
    let written = find::of(aws, &deployment.report_group, &execution).await?;
    let start = hint::command(&format!("teardown start {stack}{}", request::flags(&request)));
    let outcome = written.report.outcome;
    if outcome == Outcome::Planned && !args.json {
        screen::out(&plan::text(&written.report, &start, Paint::stdout(), screen::width()));
    } else {
        print::report(&written, args.json);
    }
    Ok(outcome.into())
}
