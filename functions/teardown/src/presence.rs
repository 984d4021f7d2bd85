//! A look at a thing of the inventory: is it there?

use contract::{Planned, PlannedFate};

use crate::{
    StepError,
    aws::{Clients, Presence, types},
};

/// Looks for a thing. If it lives inside another, the other is looked for instead. A passing error stops the step, to be tried again; a lasting
/// one proves nothing.
pub async fn look(aws: &Clients, entry: &Planned, inventory: &[Planned]) -> Result<Presence, StepError> {
    let groups: Vec<&str> = inventory
        .iter()
        .filter(|entry| entry.kind == types::LOG_GROUP)
        .map(|group| group.physical_id.as_str())
        .collect();
    let Some(parent) = types::parent(&entry.kind) else {
        return aws.presence(&entry.kind, &entry.physical_id, &groups).await;
    };
    for parent in inventory.iter().filter(|other| other.kind == parent && other.fate != PlannedFate::Keep) {
        match aws.presence(&parent.kind, &parent.physical_id, &groups).await? {
            Presence::Absent => {}
            // With its parent: looked at again as long as that is.
            shown @ (Presence::Present | Presence::Going | Presence::Unproven(_)) => return Ok(shown),
        }
    }
    Ok(Presence::Absent)
}
