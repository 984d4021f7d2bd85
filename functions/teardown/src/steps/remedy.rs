//! Remedy: what can be done about resources that CloudFormation failed to delete.

use contract::{Consent, Planned, Run};
use stacks::remedy::{Failed, look};

use crate::{Context, StepError, strays};

/// Leaves a resource that is proven absent out of the next deletion, and empties a bucket, with consent. Anything else is reported with
/// CloudFormation's reason, and then no bucket is emptied either: the next deletion would fail all the same.
pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    context.must_hold(&run).await?;
    if std::mem::take(&mut run.in_vain) {
        // The stack is in DELETE_FAILED, as was wanted: the next deletion is the first in earnest.
        return Ok(run);
    }
    let Failed { absent, going: _, full, stuck } =
        look(context.aws, &run.stack()?.id, &run.inventory).await?;
    // Resources that an earlier round left out are no longer in DELETE_FAILED; naming them again would be refused.
    run.retain = absent.into_iter().map(|entry| entry.logical_id).collect();
    let words = |entry: &Planned, reason: &str| format!("{} ({}): {reason}", entry.logical_id, entry.kind);
    let mut why: Vec<_> = stuck.iter().map(|(entry, reason)| words(entry, reason)).collect();
    if !run.request.empty_buckets {
        let consent = Consent::EmptyBuckets;
        why.extend(full.iter().map(|bucket| words(bucket, &format!("{} (consent: {consent})", bucket.why))));
    }
    if !why.is_empty() {
        return Err(StepError::Failed(why.join("; ")));
    }
    for bucket in &full {
        strays::empty_bucket(context, &mut run, bucket).await?;
    }
    Ok(run)
}
