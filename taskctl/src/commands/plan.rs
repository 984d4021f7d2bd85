//! `plan`: shows what a teardown would do.

use contract::Outcome;

use crate::{
    account::{clients::Aws, execution, workflow},
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
    let workflow = workflow::required(aws, target).await?;
    let stack = workflow.service(args.stack.as_deref())?;
    screen::err(&format!("planning the teardown of {stack} at {}", aws.place));
    let request = request::plan(&stack, args.consents);
    let execution = execution::begin(aws, &workflow, &request).await?;
    watch::follow(aws, &execution, Voice::Quiet).await?;
    let written = find::of(aws, &workflow.report_group, &execution).await?;
    let start = hint::command(&format!("teardown start {stack}{}", request::flags(&request)));
    let outcome = written.report.outcome;
    if outcome == Outcome::Planned && !args.json {
        screen::out(&plan::text(&written.report, &start, Paint::stdout(), screen::width()));
    } else {
        print::report(&written, args.json);
    }
    Ok(outcome.into())
}
