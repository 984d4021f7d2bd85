//! Unprotect: lift the protections that the request consents to.

use contract::{Evidence, Run};
use stacks::types;

use crate::{
    Context, StepError,
    error::all_of,
    protections::{
        Protections, protected_log_groups, protected_tables, protected_user_pools, recoverable_tables,
    },
};

pub async fn take(context: &Context<'_>, run: Run) -> Result<Run, StepError> {
    context.must_hold(&run).await?;
    let stack = run.stack()?;
    let lift = on_now(context, &run).await?;
    if lift.exceeds(&run.request) {
        return Err(StepError::Refused("a protection was switched on since the plan was made".to_owned()));
    }
    if !lift.is_empty() {
        let lifted: Option<Protections> = context.recall(&stack.id, Evidence::Unprotect).await?;
        let all = lifted.unwrap_or_default().and(&lift);
        context.overwrite(&stack.id, Evidence::Unprotect, &all).await?;
    }
    all_of(lift.switch(context.aws, &stack.id, false).await)?;
    // Also after a call whose answer was lost: the table is no longer protected, but still being updated.
    for table in run.doomed(types::TABLE) {
        context.aws.table_settles(&table.physical_id).await?;
    }
    Ok(run)
}

/// Reads the protections that are on, and point-in-time recovery where no system backup is wanted.
async fn on_now(context: &Context<'_>, run: &Run) -> Result<Protections, StepError> {
    let stack = context.aws.stack(&run.stack()?.id).await?;
    let mut on = Protections {
        termination: stack.and_then(|now| now.enable_termination_protection).unwrap_or_default(),
        tables: protected_tables(context, run).await?,
        user_pools: protected_user_pools(context, run).await?,
        log_groups: protected_log_groups(context, run).await?,
        ..Protections::default()
    };
    if !run.request.system_backup {
        on.recoverable = recoverable_tables(context, run).await?;
    }
    Ok(on)
}
