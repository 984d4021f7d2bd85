//! Remedy: what can be done about resources that CloudFormation failed to delete.

use contract::{Consent, Run};
use stacks::{Presence, inventory::entry, presence, types};

use crate::{Context, StepError, strays};

/// Leaves a resource that is proven absent out of the next deletion, and empties a bucket, with consent. Anything else is reported with
/// CloudFormation's reason, and then no bucket is emptied either: the next deletion would fail all the same.
pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    context.must_hold(&run).await?;
    if std::mem::take(&mut run.in_vain) {
        // The stack is in DELETE_FAILED, as was wanted: the next deletion is the first in earnest.
        return Ok(run);
    }
    let failed = context.aws.failed_resources(&run.stack()?.id).await?;
    if failed.is_empty() {
        return Err(StepError::Transient("the stack is DELETE_FAILED and names no resource".to_owned()));
    }
    // Resources that an earlier round left out are no longer in DELETE_FAILED; naming them again would be refused.
    run.retain.clear();
    let (mut stuck, mut filled) = (Vec::new(), Vec::new());
    for resource in &failed {
        let entry = entry(resource);
        let (kind, logical_id) = (&entry.kind, &entry.logical_id);
        let reason = resource.resource_status_reason().unwrap_or("no reason given");
        let full = kind == types::BUCKET && is_not_empty(reason);
        match presence::look(context.aws, &entry, &run.inventory).await? {
            Presence::Absent => run.retain.push(logical_id.clone()),
            // The next deletion finds it gone, or fails with it again.
            Presence::Going => {}
            Presence::Present | Presence::Unproven(_) if full && run.request.empty_buckets => {
                filled.push(entry);
            }
            Presence::Present | Presence::Unproven(_) => {
                let consent = Consent::EmptyBuckets;
                let consent = if full { format!(" (consent: {consent})") } else { String::new() };
                stuck.push(format!("{logical_id} ({kind}): {reason}{consent}"));
            }
        }
    }
    if !stuck.is_empty() {
        return Err(StepError::Failed(stuck.join("; ")));
    }
    for bucket in &filled {
        strays::empty_bucket(context, &mut run, bucket).await?;
    }
    Ok(run)
}

/// Tells whether a bucket's deletion was allowed, and failed only because there is something in it: "The bucket you tried to delete
/// is not empty".
fn is_not_empty(reason: &str) -> bool {
    reason.contains("not empty") || reason.contains("BucketNotEmpty")
}
