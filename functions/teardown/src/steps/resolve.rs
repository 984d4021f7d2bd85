//! Resolve: name → stack id, once.

use aws_sdk_cloudformation::types::Stack;
use contract::{
    Deletion, Noted, Request, Run, StackRef,
    names::{BOOTSTRAP_STACK, SERVICE_TAG},
};
use stacks::{IN_REVIEW, stack_ref};

use crate::{Context, Settings, StepError, fates};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    check(&run.request, context.settings).map_err(StepError::Refused)?;
    let Some(stack) = context.aws.stack(&run.request.stack).await? else {
        return gone(context, run).await;
    };
    ours(&stack).map_err(StepError::Refused)?;
    let stack = stack_ref(&stack);
    if !run.request.dry_run {
        if !context.lock(&mut run, &stack.id).await? {
            run.again = true;
            return Ok(run);
        }
        context.remember_name(&stack).await?;
    }
    run.stack = Some(stack);
    Ok(run)
}

/// Continues with the stack that had the name last, and proves what is known of it: by an earlier run, or by CloudFormation.
async fn gone(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let name = run.request.stack.clone();
    let Some(stack) = last_of_name(context, &name).await? else {
        run.gone = true;
        run.delete = Deletion::Deleted;
        let why = format!(
            "nothing is known of {name}: no run has met such a stack, and CloudFormation remembers none that was deleted in the \
             last 90 days. Is this the right account and region?"
        );
        run.not_proven(Noted::new(Noted::STACK, &name, format!("the stack {name}"), why));
        return Ok(run);
    };
    if !run.request.dry_run {
        if !context.lock(&mut run, &stack.id).await? {
            run.again = true;
            return Ok(run);
        }
        context.remember_name(&stack).await?;
    }
    run.gone = true;
    run.delete = Deletion::Deleted;
    run.inventory = context.known_things(&stack.id).await?;
    run.stack = Some(stack);
    fates::settle(context, &mut run).await?;
    Ok(run)
}

/// Returns the deleted stack that had a name last.
async fn last_of_name(context: &Context<'_>, name: &str) -> Result<Option<StackRef>, StepError> {
    let known = context.recall_name(name).await?;
    let deleted = context.aws.deleted_stacks(name).await?;
    let Some(newest) = deleted.last() else { return Ok(known) };
    let listed = |id: &str| deleted.iter().any(|stack| stack.stack_id() == Some(id));
    match known {
        // A list may lag behind: what can be described is remembered, so it was deleted just now.
        Some(known) if !listed(&known.id) && context.aws.stack(&known.id).await?.is_some() => Ok(Some(known)),
        _ => Ok(Some(StackRef {
            id: newest.stack_id().unwrap_or_default().to_owned(),
            name: name.to_owned(),
            status: "DELETE_COMPLETE".to_owned(),
            ..StackRef::default()
        })),
    }
}

/// Refuses a stack that is not this workflow's, and a real run that does not name it twice.
fn check(request: &Request, settings: &Settings) -> Result<(), String> {
    let stack = &request.stack;
    if *stack == settings.teardown_stack || stack == BOOTSTRAP_STACK {
        return Err(format!("{stack} is not a service stack and is never torn down by this workflow"));
    }
    if !settings.services.contains(stack) {
        let known = settings.services.join(", ");
        return Err(format!("{stack} is not a stack this workflow was deployed for ({known})"));
    }
    match &request.confirm {
        _ if request.dry_run => Ok(()),
        Some(confirm) if confirm == stack => Ok(()),
        Some(_) => Err(format!("confirm does not say {stack}")),
        None => {
            Err(format!("confirm is missing: say \"confirm\": \"{stack}\", or \"dryRun\": true for the plan"))
        }
    }
}

/// Refuses a stack that this workflow may not touch at all.
fn ours(stack: &Stack) -> Result<(), String> {
    let name = stack.stack_name().unwrap_or_default();
    if stack.parent_id().is_some() || stack.root_id().is_some() {
        return Err(format!("{name} is nested in another stack: tear that one down"));
    }
    if stack.stack_status().is_some_and(|status| status.as_str() == IN_REVIEW) {
        // Never created: it has neither tags nor resources.
        return Ok(());
    }
    let (key, value) = SERVICE_TAG;
    if stack.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value)) {
        Ok(())
    } else {
        Err(format!("{name} is not tagged {key}={value}: it is not a stack of this service"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            evidence_table: "e".into(),
            report_log_group: "r".into(),
            executor_role_arn: "arn:aws:iam::1:role/x".into(),
            powerless_role_arn: "arn:aws:iam::1:role/y".into(),
            kinds: std::collections::BTreeSet::new(),
            services: vec!["tasks-dev".into(), "tasks-prod".into()],
            teardown_stack: "tasks-teardown".into(),
            drain_seconds: 600,
            watch_seconds: 7_200,
        }
    }

    fn refusal(stack: &str, confirm: Option<&str>) -> String {
        let request = Request {
            confirm: confirm.map(str::to_owned),
            dry_run: false,
            ..Request::plan(stack.to_owned())
        };
        check(&request, &settings()).unwrap_err()
    }

    #[test]
    fn a_real_run_names_the_stack_twice_and_a_dry_run_once() {
        assert!(refusal("tasks-dev", None).contains("confirm is missing"));
        assert!(refusal("tasks-dev", Some("tasks-prod")).contains("does not say tasks-dev"));
        let real = Request {
            confirm: Some("tasks-dev".into()),
            dry_run: false,
            ..Request::plan("tasks-dev".into())
        };
        for request in [real, Request::plan("tasks-dev".into())] {
            assert_eq!(check(&request, &settings()), Ok(()));
        }
    }

    #[test]
    fn stacks_that_are_not_served_are_refused() {
        for stack in ["tasks-teardown", "CDKToolkit", "tasks-other", ""] {
            assert!(refusal(stack, Some(stack)).contains(stack));
        }
    }
}
