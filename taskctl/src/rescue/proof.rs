//! The proof: what CloudFormation says it deleted is looked for, each thing by itself. An error is no proof.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use contract::{Planned, PlannedFate, limits::GOING_SECONDS};
use stacks::{Error, IN_REVIEW, inventory, proof::successors_things, types as kinds};
use tokio::time::sleep;

use crate::{
    cli::failure::Failure,
    rescue::{
        Account,
        family::{self, Listed, Member},
        look::{self, Look},
        plan::{Fate, Plan},
        stop,
        subject::{DELETED, Subject},
        types::{self, STACK, Schemas},
    },
};

/// The number of looks after which something still shown is believed to stay.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    Gone,
    /// CloudFormation alone says that it is gone, and there is nothing in AWS to look for.
    Told,
    /// It was to go, and is still there.
    Alive,
    /// It stays, since the template or a person wants that.
    Kept,
    Unproven,
}

impl Found {
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Told => "told",
            Self::Alive => "alive",
            Self::Kept => "kept",
            Self::Unproven => "unproven",
        }
    }
}

/// A resource of the deleted stack, as it was found.
#[derive(Clone, Debug)]
pub struct Ended {
    pub id: String,
    pub entry: Planned,
    pub found: Found,
    pub why: String,
}

/// The things that a deleted stack had, and those that are left.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    pub things: Vec<Ended>,
    /// CloudFormation lists nothing of the stack, so that nothing is proven.
    pub unlisted: bool,
    /// Log groups that AWS made for what is deleted.
    pub logs: Vec<String>,
    pub notes: Vec<String>,
}

impl Proof {
    /// Tells whether everything that was to go is shown to be gone.
    pub fn is_whole(&self) -> bool {
        !self.unlisted && self.things.iter().all(|it| !matches!(it.found, Found::Alive | Found::Unproven))
    }

    /// Tells whether a nested stack is left, which stores the role that it was to be deleted with.
    pub fn leaves_a_stack(&self) -> bool {
        self.things.iter().any(|it| it.entry.kind == STACK && it.found != Found::Gone)
    }
}

/// Looks for everything that a deleted stack had. `plan` knows more of it, if it was made before the deletion.
pub async fn of(account: &Account<'_>, subject: &Subject, plan: Option<&Plan>) -> Result<Proof, Failure> {
    let mut members = family::of(account, subject).await?;
    for member in &mut members {
        member.entries = entries(member);
    }
    let listed = members.iter().flat_map(|member| &member.listed);
    let schemas = types::schemas(account, listed.map(|it| it.entry.kind.as_str()).collect()).await?;
    let theirs = successors_things(&account.stacks, &subject.stack).await.map_err(stop)?;
    let (began, mut looks) = (Instant::now(), 1);
    let mut things = loop {
        let (things, going) = look_once(account, &members, &schemas, plan, &theirs).await?;
        let going = going && began.elapsed() < Duration::from_secs(u64::from(GOING_SECONDS));
        let alive = things.iter().any(|it| it.found == Found::Alive);
        if !going && (looks >= LOOKS || !alive) {
            break things;
        }
        looks += 1;
        sleep(PAUSE).await;
    };
    things.extend(forgotten(&members, plan));
    let (logs, mut notes) = log_groups(account, &members).await?;
    // Only a stack that was never made has nothing.
    let made = plan.is_none_or(|plan| plan.subject.stack.status != IN_REVIEW);
    let unlisted = made && members.iter().all(|member| member.listed.is_empty());
    if unlisted {
        notes.push("CloudFormation lists nothing of the deleted stack: nothing is proven".to_owned());
    }
    Ok(Proof { things, unlisted, logs, notes })
}

/// Returns what is known of the stack, and CloudFormation no longer lists: nested stacks, and what the plan had.
fn forgotten(members: &[Member], plan: Option<&Plan>) -> Vec<Ended> {
    let mut forgotten = Vec::new();
    let mut add = |id: String, entry: &Planned| {
        let why = "CloudFormation no longer lists it, or what was in it".to_owned();
        forgotten.push(Ended { id, entry: entry.clone(), found: Found::Unproven, why });
    };
    for member in members {
        let stacks = member.listed.iter().map(|listed| &listed.entry).filter(|entry| entry.kind == STACK);
        for entry in stacks.filter(|entry| entry.physical_id.starts_with("arn:")) {
            if !members.iter().any(|it| it.subject.stack.id == entry.physical_id) {
                add(format!("{}{}/", member.path, entry.logical_id), entry);
            }
        }
    }
    for thing in plan.iter().flat_map(|plan| plan.doomed()) {
        let listed = members.iter().find(|member| member.path == thing.path);
        if listed.is_none_or(|member| member.listed(&thing.entry.logical_id).is_none()) {
            add(thing.id(), &thing.entry);
        }
    }
    forgotten
}

/// Returns the things that are looked for, with what the template says they are a part of.
fn entries(member: &Member) -> Vec<Planned> {
    let all: Vec<Planned> = member.listed.iter().map(|listed| listed.entry.clone()).collect();
    let there = member.listed.iter().filter(|it| !it.entry.physical_id.is_empty());
    there
        .map(|listed| {
            let fate = if listed.status == DELETED { PlannedFate::Delete } else { PlannedFate::Keep };
            let entry = listed.entry.clone();
            let template = member.template.as_ref();
            let part_of = template.and_then(|template| inventory::part_of(&entry, template, &all));
            Planned { part_of, fate, ..entry }
        })
        .collect()
}

/// Looks at everything once; the second value tells whether something is being deleted.
async fn look_once(
    account: &Account<'_>,
    members: &[Member],
    schemas: &Schemas,
    plan: Option<&Plan>,
    theirs: &BTreeSet<(String, String)>,
) -> Result<(Vec<Ended>, bool), Failure> {
    let (mut things, mut going) = (Vec::new(), false);
    let is_theirs = |entry: &Planned| theirs.contains(&(entry.kind.clone(), entry.physical_id.clone()));
    for member in members {
        let wanted: Vec<_> = member.entries.iter().collect();
        let looks = look::at(account, &wanted, member, schemas).await?;
        for (entry, look) in wanted.into_iter().zip(looks) {
            let Some(listed) = member.listed(&entry.logical_id) else { continue };
            going |= look == Look::Going && listed.status == DELETED;
            let fate = plan.and_then(|plan| {
                let same = plan
                    .things
                    .iter()
                    .find(|it| it.path == member.path && it.entry.logical_id == entry.logical_id);
                same.map(|thing| thing.fate)
            });
            let (found, why) = if is_theirs(entry) && look != Look::Absent {
                (Found::Gone, "what has its name is a new stack's of the same name".to_owned())
            } else {
                concluded(listed, &look, fate)
            };
            let id = format!("{}{}", member.path, entry.logical_id);
            things.push(Ended { id, entry: entry.clone(), found, why });
        }
    }
    Ok((things, going))
}

/// Concludes from what CloudFormation says and from what is seen.
fn concluded(listed: &Listed, look: &Look, fate: Option<Fate>) -> (Found, String) {
    let kind = &listed.entry.kind;
    let deleted = listed.status == DELETED;
    let (found, why) = match look {
        Look::Absent if types::is_bare(kind) => (Found::Gone, "nothing in AWS stands for it"),
        Look::Absent => (Found::Gone, "shown absent by its service"),
        Look::NotFound if deleted => {
            (Found::Gone, "CloudFormation deleted it, and Cloud Control finds nothing by its id")
        }
        _ if !deleted => return (Found::Kept, stays(listed, look, fate)),
        Look::Unknown(_) if types::is_custom(kind) => {
            (Found::Told, "its function told CloudFormation so; what it stood for, only the function knows")
        }
        Look::Alive => (Found::Alive, "still there, although CloudFormation says that it deleted it"),
        Look::Going => (Found::Alive, "still being deleted"),
        Look::NotFound => (Found::Unproven, look.why()),
        Look::Unknown(why) => (Found::Unproven, why.as_str()),
    };
    (found, why.to_owned())
}

/// Says why something was not deleted.
fn stays(listed: &Listed, look: &Look, fate: Option<Fate>) -> String {
    let why = match fate {
        Some(Fate::Abandoned) => "abandoned".to_owned(),
        Some(Fate::Retained) => "retained by the template".to_owned(),
        Some(Fate::Delete) | None => format!("CloudFormation left it in place ({})", listed.status),
    };
    match look {
        Look::Alive => format!("{why}; it is there"),
        Look::Unknown(unknown) => format!("{why}; whether it is there is not known: {unknown}"),
        Look::NotFound => format!("{why}; {}", look.why()),
        Look::Absent | Look::Going => why,
    }
}

/// Lists the log groups that AWS made by itself for what is deleted. A failure is noted: it is no part of the proof.
async fn log_groups(
    account: &Account<'_>,
    members: &[Member],
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut logs, mut notes) = (Vec::new(), Vec::new());
    for member in members {
        let writers = [kinds::FUNCTION, kinds::REST_API];
        if !member.entries.iter().any(|entry| writers.contains(&entry.kind.as_str())) {
            continue;
        }
        match inventory::unlisted_log_groups(&account.stacks, &member.entries).await {
            Ok(groups) => logs.extend(groups.into_iter().map(|group| group.physical_id)),
            Err(Error::Failed(why)) => notes.push(format!("log groups of deleted functions: {why}")),
            Err(error) => return Err(stop(error)),
        }
    }
    Ok((logs, notes))
}

#[cfg(test)]
mod tests {
    use contract::{Planned, PlannedFate};
    use stacks::types as kinds;

    use super::{Found, concluded};
    use crate::rescue::{family::Listed, look::Look, plan::Fate};

    fn found(kind: &str, status: &str, look: &Look, fate: Option<Fate>) -> Found {
        let entry = Planned {
            kind: kind.into(),
            logical_id: "X".into(),
            physical_id: "x".into(),
            part_of: None,
            fate: PlannedFate::Delete,
            why: String::new(),
        };
        concluded(&Listed { entry, status: status.into(), reason: String::new() }, look, fate).0
    }

    #[test]
    fn only_a_look_that_shows_it_absent_proves_a_thing_gone() {
        let unknown = Look::Unknown("denied".into());
        for (look, expected) in [
            (&Look::Absent, Found::Gone),
            (&Look::NotFound, Found::Gone),
            (&Look::Alive, Found::Alive),
            (&Look::Going, Found::Alive),
            (&unknown, Found::Unproven),
        ] {
            assert_eq!(found(kinds::TABLE, "DELETE_COMPLETE", look, None), expected, "{look:?}");
        }
        assert_eq!(found("Custom::X", "DELETE_COMPLETE", &unknown, None), Found::Told);
    }

    #[test]
    fn what_cloudformation_left_is_kept_unless_its_own_service_shows_it_absent() {
        let abandoned = Some(Fate::Abandoned);
        assert_eq!(found(kinds::TABLE, "DELETE_SKIPPED", &Look::Alive, abandoned), Found::Kept);
        assert_eq!(found(kinds::TABLE, "DELETE_SKIPPED", &Look::Absent, abandoned), Found::Gone);
        // An id that Cloud Control does not know proves nothing of what CloudFormation did not delete.
        assert_eq!(found("AWS::SQS::Queue", "DELETE_SKIPPED", &Look::NotFound, abandoned), Found::Kept);
    }
}
