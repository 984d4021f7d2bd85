//! Plan: what will be done, for a person to read. It is the inventory with its fates: deletion reads nothing else.

use contract::{Outcome, Run};

use crate::{Context, StepError, fates, reporting::publish_plan};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let hash = fates::hash(&run.inventory, run.version.as_deref().unwrap_or_default());
    run.plan_hash = Some(hash.clone());
    if run.request.dry_run {
        run.outcome = Some(Outcome::Planned);
        return Ok(run);
    }
    if let Some(expected) = run.request.plan_hash.as_ref().filter(|expected| **expected != hash) {
        return Err(StepError::Refused(format!("the plan is now {hash}, not {expected}: read it again")));
    }
    if !run.blockers.is_empty() {
        let why: Vec<_> = run.blockers.iter().map(|blocker| blocker.why.as_str()).collect();
        return Err(StepError::Refused(why.join("; ")));
    }
    if run.request.approval {
        publish_plan(context, &run).await?;
    }
    Ok(run)
}
