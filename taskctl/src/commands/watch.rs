//! `watch`: follows an execution to its end.

use crate::{
    account::{clients::Aws, execution, workflow},
    cli::{
        args::{TargetArgs, WatchArgs},
        failure::{Exit, Failure},
    },
    follow::watch::{self, Voice},
    report::print,
    terminal::screen,
};

pub async fn run(aws: &Aws, target: &TargetArgs, args: &WatchArgs) -> Result<Exit, Failure> {
    let workflow = workflow::required(aws, target).await?;
    let execution = workflow.execution(aws, args.execution.as_deref(), false).await?;
    screen::err(&format!("watching {} at {}", execution::short(&execution), aws.place));
    watch::follow(aws, &execution, if args.json { Voice::Json } else { Voice::Text }).await?;
    print::conclude(aws, &workflow, &execution, args.json).await
}
