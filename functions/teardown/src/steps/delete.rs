//! Delete: ask CloudFormation, once per round.

use contract::{Deletion, Run, limits::ROUNDS};
use stacks::deletion;

use crate::{Context, StepError, fates, strays, writers::still_frozen};

/// Deletes always by id and through the executor, so that the role stored with the stack does not matter: the one that is
/// passed replaces it for good ("CloudFormation service role").
pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    if run.rounds >= ROUNDS {
        return Err(StepError::Failed(format!("the deletion did not begin or failed {ROUNDS} times")));
    }
    context.must_hold(&run).await?;
    fates::still_as_planned(context, &run).await?;
    still_frozen(context, &run).await?;
    if run.rounds == 0 {
        strays::none_since_the_plan(context, &run).await?;
    } else {
        strays::note_what_is_lost(context, &mut run).await?;
    }
    let id = run.stack()?.id.clone();
    let abandoned = abandoned(context, &run).await?;
    let has_failed = context.aws.stack_status(&id).await?.as_deref() == Some("DELETE_FAILED");
    run.in_vain = !abandoned.is_empty() && !has_failed;
    let retain = if has_failed { retained(context, &run, abandoned).await? } else { Vec::new() };
    let settings = context.settings;
    let role = if run.in_vain { &settings.powerless_role_arn } else { &settings.executor_role_arn };
    let request = deletion::Request {
        stack_id: &id,
        role_arn: Some(role),
        token: &context.deletion_token(run.rounds),
        retain: &retain,
        express: run.request.express,
    };
    // Carried out or not: Watch sees.
    deletion::begin(context.aws, &request).await?;
    run.rounds += 1;
    run.deadline = None;
    run.delete = Deletion::InProgress;
    Ok(run)
}

/// Names what is left behind: what was proven absent and is still in `DELETE_FAILED`, and what is abandoned. `DeleteStack` refuses to
/// retain what is deleted already.
async fn retained(
    context: &Context<'_>,
    run: &Run,
    abandoned: Vec<String>,
) -> Result<Vec<String>, StepError> {
    if run.retain.is_empty() {
        return Ok(abandoned);
    }
    let failed = context.aws.failed_resources(&run.stack()?.id).await?;
    let is_failed = |id: &&String| failed.iter().any(|resource| resource.logical_resource_id() == Some(id));
    let absent = run.retain.iter().filter(|id| !abandoned.contains(id)).filter(is_failed);
    Ok(absent.chain(&abandoned).cloned().collect())
}

/// Lists the resources that are abandoned and not deleted yet. A stack leaves resources behind only once it is in `DELETE_FAILED`
/// ("`DeleteStack`"). A role that may delete nothing takes it there, with everything alive.
async fn abandoned(context: &Context<'_>, run: &Run) -> Result<Vec<String>, StepError> {
    if run.request.abandon.is_empty() {
        return Ok(Vec::new());
    }
    let listed = context.aws.stack_resources(&run.stack()?.id).await?;
    let living = listed.iter().filter(|resource| {
        resource.resource_status().is_none_or(|status| status.as_str() != "DELETE_COMPLETE")
    });
    let living = living.filter_map(|resource| resource.logical_resource_id().map(str::to_owned));
    Ok(living.filter(|id| run.request.abandon.contains(id)).collect())
}
