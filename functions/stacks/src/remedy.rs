//! The resources that `CloudFormation` failed to delete, by what can be done about them.

use contract::{Planned, PlannedFate};

use crate::{
    Error,
    aws::{Clients, Presence, types},
    inventory::entry,
    presence,
};

/// The resources that are in `DELETE_FAILED`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failed {
    /// Proven absent: the next deletion may leave them out.
    pub absent: Vec<Planned>,
    /// Being deleted: the next deletion finds them gone, or fails with them again.
    pub going: Vec<Planned>,
    /// Buckets that may be deleted once they are empty; `why` is `CloudFormation`'s reason.
    pub full: Vec<Planned>,
    /// Anything else, with `CloudFormation`'s reason.
    pub stuck: Vec<(Planned, String)>,
}

/// Looks at each resource that `CloudFormation` failed to delete.
pub async fn look(aws: &Clients, stack_id: &str, inventory: &[Planned]) -> Result<Failed, Error> {
    let listed = aws.failed_resources(stack_id).await?;
    if listed.is_empty() {
        return Err(Error::Transient("the stack is DELETE_FAILED and names no resource".to_owned()));
    }
    let mut failed = Failed::default();
    for resource in &listed {
        let presence = presence::look(aws, &entry(resource), inventory).await?;
        let reason = resource.resource_status_reason().unwrap_or("no reason given");
        failed.add(entry(resource), &presence, reason);
    }
    Ok(failed)
}

impl Failed {
    fn add(&mut self, entry: Planned, presence: &Presence, reason: &str) {
        match presence {
            Presence::Absent => self.absent.push(entry),
            Presence::Going => self.going.push(entry),
            Presence::Present | Presence::Unproven(_)
                if entry.kind == types::BUCKET && is_not_empty(reason) =>
            {
                self.full.push(entry.with(PlannedFate::Delete, reason.to_owned()));
            }
            Presence::Present | Presence::Unproven(_) => self.stuck.push((entry, reason.to_owned())),
        }
    }
}

/// Tells whether a bucket's deletion was allowed, and failed only because there is something in it: "The bucket you tried to delete
/// is not empty".
fn is_not_empty(reason: &str) -> bool {
    reason.contains("not empty") || reason.contains("BucketNotEmpty")
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::StackResourceSummary;

    use super::*;

    #[test]
    fn nothing_is_left_out_of_a_deletion_that_is_not_proven_absent() {
        let mut failed = Failed::default();
        let full = "The bucket you tried to delete is not empty";
        for (kind, id, presence, reason) in [
            (types::TABLE, "absent", Presence::Absent, "denied"),
            (types::BUCKET, "gone", Presence::Absent, full),
            (types::TABLE, "going", Presence::Going, "in use"),
            (types::BUCKET, "full", Presence::Present, full),
            (types::BUCKET, "hidden", Presence::Unproven("denied".to_owned()), full),
            (types::BUCKET, "denied", Presence::Present, "Access Denied"),
            (types::ROLE, "hidden-role", Presence::Unproven("denied".to_owned()), "not empty"),
        ] {
            let resource = StackResourceSummary::builder().resource_type(kind).logical_resource_id(id);
            failed.add(entry(&resource.physical_resource_id(id).build()), &presence, reason);
        }
        let ids = |entries: &[Planned]| entries.iter().map(|it| it.logical_id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&failed.absent), ["absent", "gone"]);
        assert_eq!(ids(&failed.going), ["going"]);
        assert_eq!(ids(&failed.full), ["full", "hidden"]);
        assert_eq!(failed.full[0].why, full);
        let stuck: Vec<_> =
            failed.stuck.iter().map(|(it, why)| (it.logical_id.as_str(), why.as_str())).collect();
        assert_eq!(stuck, [("denied", "Access Denied"), ("hidden-role", "not empty")]);
    }
}
