//! Remedy: what can be done about resources that CloudFormation failed to delete.

use contract::{Consent, Run};

use crate::{
    Context, StepError,
    aws::{Presence, types},
    presence,
    things::entry,
};

/// Leaves a resource that is proven absent out of the next deletion, and empties a bucket, with consent. Anything else is reported with
/// CloudFormation's reason.
pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let failed = context.aws.failed_resources(&run.stack()?.id).await?;
    if failed.is_empty() {
        return Err(StepError::Transient("the stack is DELETE_FAILED and names no resource".to_owned()));
    }
    // Resources that an earlier round left out are no longer in DELETE_FAILED; naming them again would be refused.
    run.retain.clear();
    let mut stuck = Vec::new();
    for resource in &failed {
        let entry = entry(resource);
        let (kind, logical_id) = (&entry.kind, &entry.logical_id);
        let reason = resource.resource_status_reason().unwrap_or("no reason given");
        let bucket = kind == types::BUCKET;
        match presence::look(context.aws, &entry, &run.inventory).await? {
            Presence::Absent => run.retain.push(logical_id.clone()),
            // The next deletion finds it gone, or fails with it again.
            Presence::Going => {}
            Presence::Present | Presence::Unproven(_) if bucket && run.request.empty_buckets => {
                context.aws.empty_bucket(&entry.physical_id).await?;
            }
            Presence::Present | Presence::Unproven(_) => {
                let consent = Consent::EmptyBuckets;
                let consent = if bucket { format!(" (consent: {consent})") } else { String::new() };
                stuck.push(format!("{logical_id} ({kind}): {reason}{consent}"));
            }
        }
    }
    if stuck.is_empty() { Ok(run) } else { Err(StepError::Failed(stuck.join("; "))) }
}
