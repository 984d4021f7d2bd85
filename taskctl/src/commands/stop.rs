//! `stop`: stops an execution, and says what that leaves behind.

use crate::{
    account::{clients::Aws, deployment, execution},
    cli::{
        args::{StopArgs, TargetArgs},
        failure::{Exit, Failure},
        hint, request,
    },
    follow::{
        history::{self, What},
        steps::standing,
    },
    terminal::screen,
};

pub async fn run(aws: &Aws, target: &TargetArgs, args: &StopArgs) -> Result<Exit, Failure> {
    let deployment = deployment::required(aws, target).await?;
    let execution = deployment.execution(aws, args.execution.as_deref(), true).await?;
    let name = execution::short(&execution);
    if let Err(error) = execution::stop(aws, &execution).await {
        let events = history::events_after(aws, &execution, 0)
            .await
            .map_err(|_| error.stop("stopping the execution"))?;
        return match standing(&events).1 {
            Some(status) => {
                screen::out(&format!("{name} had ended already ({status}); nothing was stopped"));
                Ok(Exit::Success)
            }
            None => Err(error.stop("stopping the execution")),
        };
    }
    let events = history::events_after(aws, &execution, 0).await.unwrap_or_default();
    let (state, _) = standing(&events);
    let input = events.iter().find_map(|event| match &event.what {
        What::Started { input } => Some(input.as_str()),
        _ => None,
    });
    screen::out(&format!("{name}: stopped at {state}"));
    screen::out(&format!("A stopped execution does not undo itself. {}", left_behind(&state)));
    screen::out(&format!(
        "To go on where it stopped: {}",
        hint::command(&request::again(input.unwrap_or_default()))
    ));
    Ok(Exit::Success)
}

/// What a run stopped at this step has changed.
fn left_behind(state: &str) -> &'static str {
    match state {
        "Freeze" | "Drain" | "Backup" => {
            "The service may still be frozen: it answers 503 until the teardown goes on or is ended in an orderly way."
        }
        "Unprotect" => "The service may still be frozen, and its deletion protections off.",
        "Delete" | "Watch" | "Remedy" => {
            "CloudFormation goes on with a deletion it has begun; the service is frozen and its deletion protections are off."
        }
        "Sweep" | "Prove" | "Report" | "Announce" => {
            "The stack is gone; what it left behind is not proven gone."
        }
        "Restore" | "ReportFailure" => {
            "It was giving traffic and protection back, and may not have finished: start it again, or look at both yourself."
        }
        _ => "It had changed nothing yet.",
    }
}

#[cfg(test)]
mod tests {
    use super::left_behind;

    #[test]
    fn only_before_the_freeze_nothing_is_changed() {
        for state in ["Resolve", "Stabilise", "Inventory", "Preflight", "Plan", "Approve", "its beginning"] {
            assert_eq!(left_behind(state), "It had changed nothing yet.", "{state}");
        }
        for state in [
            "Freeze",
            "Drain",
            "Backup",
            "Unprotect",
            "Delete",
            "Watch",
            "Remedy",
            "Sweep",
            "Prove",
            "Report",
            "Announce",
            "Restore",
        ] {
            assert_ne!(left_behind(state), "It had changed nothing yet.", "{state}");
        }
    }
}
