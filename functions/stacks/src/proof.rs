//! The proof: each thing of an inventory is shown absent by its own service. An error is no proof.
//!
//! A thing that is still shown is looked at again, after a wait: S3, IAM and `CloudWatch` Logs show a deleted thing for some seconds,
//! and `CloudFormation` in Express mode says `DELETE_COMPLETE` while services still delete.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};
use contract::{Found, FoundFate, Planned, PlannedFate, StackRef, limits::GOING_SECONDS};

use crate::{
    Error,
    aws::{Clients, Presence, types},
    inventory::entry,
    presence,
};

/// The number of looks after which something still shown is believed to stay.
const LOOKS: u32 = 5;

/// The result of a look at an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// It was not looked for, or is still there: it is to stay.
    Stays,
    /// Absent, and a new stack has its name.
    Replaced,
    /// There, and not the stack's any more when that was deleted.
    Left,
    /// There again, after everything had been shown absent once.
    MadeAgain,
    Shown(Presence),
}

/// One look at everything that a deleted stack had.
#[derive(Debug, Clone)]
pub struct Proof(Vec<(Planned, Seen)>);

/// Looks at everything once. `proven_before`: all of it had been shown absent, so that what is there again is somebody else's.
pub async fn look(
    aws: &Clients,
    stack: Option<&StackRef>,
    inventory: &[Planned],
    proven_before: bool,
) -> Result<Proof, Error> {
    let theirs = match stack {
        Some(stack) => successors_things(aws, stack).await?,
        None => BTreeSet::new(),
    };
    let is_theirs = |entry: &&Planned| theirs.contains(&(entry.kind.clone(), entry.physical_id.clone()));
    let ours: Vec<_> = inventory.iter().filter(|entry| !is_theirs(entry)).cloned().collect();
    let wanted: Vec<_> = ours.iter().filter(|entry| is_looked_for(entry)).collect();
    let shown = presence::looks(aws, &wanted, &ours).await?;
    let shown: BTreeMap<_, _> = wanted.into_iter().map(key).zip(shown).collect();
    let seen = |entry: &Planned| (entry.clone(), seen(entry, shown.get(&key(entry)), proven_before));
    Ok(Proof(inventory.iter().map(seen).collect()))
}

impl Proof {
    /// Tells whether another look would show nothing new. `looks` counts those made so far, and `expired` says that the time is up for
    /// things that are being deleted.
    #[must_use]
    pub fn is_settled(&self, looks: u32, expired: impl FnOnce() -> bool) -> bool {
        let going = self.shows(&Presence::Going) && !expired();
        !going && (looks >= LOOKS || !self.shows(&Presence::Present))
    }

    fn shows(&self, presence: &Presence) -> bool {
        self.0.iter().any(|(_, seen)| matches!(seen, Seen::Shown(shown) if shown == presence))
    }

    /// Returns each entry with the fate that was found, in the order of the inventory.
    #[must_use]
    pub fn conclude(self) -> Vec<Found> {
        self.0.into_iter().map(|(entry, seen)| concluded(entry, seen)).collect()
    }
}

/// Tells whether an entry is looked for. Somebody may have removed what was to stay, and the report must not claim otherwise.
fn is_looked_for(entry: &Planned) -> bool {
    entry.fate != PlannedFate::Keep || entry.kind == types::LOG_GROUP || entry.kind == types::BUCKET
}

fn key(entry: &Planned) -> (String, String, String) {
    (entry.kind.clone(), entry.logical_id.clone(), entry.physical_id.clone())
}

/// Lists the things of a new stack of this name, by type and physical id: they have the old names, but are not the old things.
pub async fn successors_things(aws: &Clients, stack: &StackRef) -> Result<BTreeSet<(String, String)>, Error> {
    match aws.successor(&stack.name, &stack.id).await? {
        Some(id) => Ok(made(&aws.stack_resources(&id).await?)),
        None => Ok(BTreeSet::new()),
    }
}

/// Returns what a stack has made. What it could not make, since the name was taken, is not its own.
fn made(listed: &[StackResourceSummary]) -> BTreeSet<(String, String)> {
    let is_made = |resource: &&StackResourceSummary| {
        let status = resource.resource_status().map(ResourceStatus::as_str).unwrap_or_default();
        status.ends_with("_COMPLETE") && !status.starts_with("DELETE_")
    };
    let entries = listed.iter().filter(is_made).map(entry);
    entries.map(|entry| (entry.kind, entry.physical_id)).collect()
}

fn seen(entry: &Planned, shown: Option<&Presence>, proven_before: bool) -> Seen {
    match shown {
        None if entry.fate != PlannedFate::Keep => Seen::Replaced,
        None => Seen::Stays,
        Some(Presence::Absent) => Seen::Shown(Presence::Absent),
        Some(_) if entry.fate == PlannedFate::Keep => Seen::Stays,
        Some(Presence::Present) if entry.fate == PlannedFate::Earlier => Seen::Left,
        Some(Presence::Present) if proven_before => Seen::MadeAgain,
        Some(shown) => Seen::Shown(shown.clone()),
    }
}

fn concluded(entry: Planned, seen: Seen) -> Found {
    let (fate, why) = match seen {
        Seen::Stays | Seen::Left => (FoundFate::Kept, entry.why.clone()),
        Seen::Replaced => {
            (FoundFate::Absent, "what has its name is a new stack's of the same name".to_owned())
        }
        Seen::MadeAgain => {
            (FoundFate::Kept, "made after everything of the stack had been proven absent".to_owned())
        }
        Seen::Shown(Presence::Absent) if entry.fate == PlannedFate::Keep => {
            (FoundFate::Absent, "to be kept, but removed by somebody else".to_owned())
        }
        Seen::Shown(Presence::Absent) => (FoundFate::Absent, "shown absent by its service".to_owned()),
        Seen::Shown(Presence::Present | Presence::Going) if types::whole(&entry.kind).is_some() => {
            (FoundFate::Unproven, "what it is a part of is still there".to_owned())
        }
        Seen::Shown(Presence::Present) => (FoundFate::Present, "still there".to_owned()),
        Seen::Shown(Presence::Going) => {
            (FoundFate::Present, format!("still being deleted after {GOING_SECONDS} s"))
        }
        Seen::Shown(Presence::Unproven(why)) => (FoundFate::Unproven, why),
    };
    entry.with(fate, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(kind: &str, fate: PlannedFate) -> Planned {
        Planned {
            kind: kind.to_owned(),
            logical_id: "X".to_owned(),
            physical_id: "x".to_owned(),
            part_of: None,
            fate,
            why: "planned".to_owned(),
        }
    }

    #[test]
    fn what_a_new_stack_could_not_make_since_the_name_was_taken_is_not_its_own() {
        let listed = [
            ("new", ResourceStatus::CreateComplete),
            ("kept", ResourceStatus::UpdateComplete),
            ("taken", ResourceStatus::CreateFailed),
            ("begun", ResourceStatus::CreateInProgress),
            ("deleted", ResourceStatus::DeleteComplete),
        ]
        .map(|(id, status)| {
            let resource =
                StackResourceSummary::builder().resource_type(types::TABLE).logical_resource_id("T");
            resource.physical_resource_id(id).resource_status(status).build()
        });
        let own = made(&listed).into_iter().map(|(_, id)| id).collect::<Vec<_>>();
        assert_eq!(own, ["kept", "new"]);
    }

    #[test]
    fn only_a_look_that_shows_it_absent_proves_a_thing_gone() {
        let denied = || Presence::Unproven("denied".to_owned());
        for (fate, shown, proven_before, found, why) in [
            (PlannedFate::Delete, Some(Presence::Absent), false, FoundFate::Absent, "shown absent"),
            (PlannedFate::Delete, Some(Presence::Present), false, FoundFate::Present, "still there"),
            (PlannedFate::Delete, Some(Presence::Present), true, FoundFate::Kept, "made after everything"),
            (PlannedFate::Delete, Some(Presence::Going), true, FoundFate::Present, "still being deleted"),
            (PlannedFate::Delete, Some(denied()), false, FoundFate::Unproven, "denied"),
            (PlannedFate::Delete, None, false, FoundFate::Absent, "a new stack's"),
            (PlannedFate::Earlier, Some(Presence::Present), false, FoundFate::Kept, "planned"),
            (PlannedFate::Earlier, Some(denied()), false, FoundFate::Unproven, "denied"),
            (PlannedFate::Keep, Some(denied()), false, FoundFate::Kept, "planned"),
            (PlannedFate::Keep, Some(Presence::Absent), false, FoundFate::Absent, "removed by somebody"),
            (PlannedFate::Keep, None, false, FoundFate::Kept, "planned"),
        ] {
            let entry = planned(types::TABLE, fate);
            let seen = seen(&entry, shown.as_ref(), proven_before);
            let concluded = concluded(entry, seen);
            assert_eq!(concluded.fate, found, "{fate:?} {shown:?}");
            assert!(concluded.why.contains(why), "{fate:?} {shown:?}: {}", concluded.why);
        }
        let part = concluded(planned(types::PERMISSION, PlannedFate::Delete), Seen::Shown(Presence::Present));
        assert_eq!(part.fate, FoundFate::Unproven);
    }

    #[test]
    fn what_is_still_shown_is_looked_at_again() {
        let proof = |presence| {
            Proof(vec![
                (planned(types::TABLE, PlannedFate::Delete), Seen::Shown(Presence::Absent)),
                (planned(types::TABLE, PlannedFate::Delete), Seen::Shown(presence)),
            ])
        };
        assert!(proof(Presence::Absent).is_settled(1, || false));
        assert!(proof(Presence::Unproven("denied".to_owned())).is_settled(1, || false));
        assert!(!proof(Presence::Present).is_settled(LOOKS - 1, || true));
        assert!(proof(Presence::Present).is_settled(LOOKS, || false));
        assert!(!proof(Presence::Going).is_settled(LOOKS, || false));
        assert!(proof(Presence::Going).is_settled(1, || true));
    }
}
