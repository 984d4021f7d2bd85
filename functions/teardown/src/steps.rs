//! The steps, a file per step. No step calls another.

mod backup;
mod delete;
mod drain;
mod freeze;
mod inventory;
mod plan;
mod preflight;
mod prove;
mod remedy;
mod report;
mod report_failure;
mod resolve;
mod restore;
mod stabilise;
mod sweep;
mod unprotect;
mod watch;

use contract::{Run, Step};

use crate::{Context, StepError};

/// Takes a step: the whole run in, the whole new one out.
pub async fn take(context: &Context<'_>, step: Step, run: Run) -> Result<Run, StepError> {
    match step {
        Step::Resolve => resolve::take(context, run).await,
        Step::Stabilise => stabilise::take(context, run).await,
        Step::Inventory => inventory::take(context, run).await,
        Step::Preflight => preflight::take(context, run).await,
        Step::Plan => plan::take(context, run).await,
        Step::Freeze => freeze::take(context, run).await,
        Step::Drain => drain::take(context, run).await,
        Step::Backup => backup::take(context, run).await,
        Step::Unprotect => unprotect::take(context, run).await,
        Step::Delete => delete::take(context, run).await,
        Step::Watch => watch::take(context, run).await,
        Step::Remedy => remedy::take(context, run).await,
        Step::Sweep => sweep::take(context, run).await,
        Step::Prove => prove::take(context, run).await,
        Step::Report => report::take(context, run).await,
        Step::Restore => restore::take(context, run).await,
        Step::ReportFailure => report_failure::take(context, run).await,
    }
}
