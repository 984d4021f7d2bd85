//! Delete: ask CloudFormation, once per round.

use contract::{Deletion, Run, limits::ROUNDS};

use crate::{Context, StepError, aws::AwsError, fates, strays, writers::still_frozen};

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
    let delete = context.aws.cloudformation.delete_stack().stack_name(&id);
    let delete = delete.role_arn(&context.settings.executor_role_arn);
    let delete = delete.client_request_token(context.deletion_token(run.rounds));
    let retain = retained(context, &run).await?;
    match delete.set_retain_resources(retain).send().await.map_err(AwsError::from) {
        Ok(_) => {}
        // Carried out or not: Watch sees.
        Err(error)
            if error.unanswered || error.status >= 500 || error.is(&["TokenAlreadyExistsException"]) =>
        {
            tracing::warn!(?error, "DeleteStack was not answered");
        }
        // A role just made is not known everywhere at once.
        Err(error) if error.message.contains("invalid or cannot be assumed") => {
            return Err(StepError::Transient(format!("deleting the stack: {}", error.message)));
        }
        Err(error) => return Err(error.stop("deleting the stack")),
    }
    run.rounds += 1;
    run.deadline = None;
    run.delete = Deletion::InProgress;
    Ok(run)
}

/// Names what was proven absent and is still in `DELETE_FAILED`: `DeleteStack` refuses to retain what is deleted already.
async fn retained(context: &Context<'_>, run: &Run) -> Result<Option<Vec<String>>, StepError> {
    if run.retain.is_empty() {
        return Ok(None);
    }
    let failed = context.aws.failed_resources(&run.stack()?.id).await?;
    let is_failed = |id: &&String| failed.iter().any(|resource| resource.logical_resource_id() == Some(id));
    let retained: Vec<_> = run.retain.iter().filter(is_failed).cloned().collect();
    Ok((!retained.is_empty()).then_some(retained))
}
