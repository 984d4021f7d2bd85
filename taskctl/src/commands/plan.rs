//! `plan`: shows what a teardown would do.

use contract::{Outcome, Request};

use crate::{
    account::{
        clients::Aws,
        execution,
        workflow::{self, Workflow},
    },
    cli::{
        args::{PlanArgs, TargetArgs},
        failure::{Exit, Failure},
        hint, request,
    },
    follow::watch::{self, Voice},
    report::{Written, find, plan::Plan, print, tables},
    terminal::screen::{self, Paint},
};

pub async fn run(aws: &Aws, target: &TargetArgs, args: &PlanArgs) -> Result<Exit, Failure> {
    let workflow = workflow::required(aws, target).await?;
    let stack = workflow.service(args.stack.as_deref())?;
    let request = request::plan(&stack, args.consents.clone());
    let written = made(aws, &workflow, &request).await?;
    let outcome = written.report.outcome;
    if outcome == Outcome::Planned && !args.json {
        let tables = tables::of(aws, &written.report).await;
        let plan = Plan { report: &written.report, request: &request, tables: &tables };
        let start = hint::command(&format!("teardown start {stack}{}", request::flags(&request)));
        screen::out(&plan.text(&start, Paint::stdout(), screen::width()));
    } else {
        print::report(&written, args.json);
    }
    Ok(outcome.into())
}

/// Makes the plan for a request, and returns its report.
pub async fn made(aws: &Aws, workflow: &Workflow, request: &Request) -> Result<Written, Failure> {
    screen::err(&format!("planning the teardown of {} at {}", request.stack, aws.place));
    let request =
        Request { dry_run: true, confirm: None, approval: false, plan_hash: None, ..request.clone() };
    let execution = execution::begin_plan(aws, workflow, &request).await?;
    watch::follow(aws, &execution, Voice::Quiet).await?;
    find::of(aws, &workflow.report_group, &execution).await
}
