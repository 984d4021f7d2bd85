//! The way of a run in which nothing goes wrong: which step is which of how many, and what the long ones wait for.

use contract::{
    Request, Role, State,
    limits::{BACKUP_SECONDS, DRAIN_SECONDS, GOING_SECONDS, STABLE_SECONDS, WATCH_SECONDS},
};
use serde::Serialize;

use crate::terminal::clock;

/// The time that a person has to approve (`TimeoutSeconds` of Approve in the state machine).
const APPROVAL_SECONDS: u32 = 24 * 60 * 60;

/// The place of a step on the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Place {
    pub step: usize,
    pub of: usize,
}

/// The steps on the way, in their order. Empty: not known.
#[derive(Clone, Debug, Default)]
pub struct Path(Vec<State>);

impl Path {
    /// Returns the way of a run that was asked for this.
    pub fn of(request: &Request) -> Self {
        let on_it = |state: &State| match state.role() {
            Role::Runs(_) | Role::Says(_) => match state {
                State::Remedy | State::Restore | State::ReportFailure => false,
                state if request.dry_run => !(State::Approve..=State::Prove).contains(state),
                State::Approve => request.approval,
                State::Backup => request.backup,
                _ => true,
            },
            Role::WaitsFor(_) | Role::Decides | Role::Ends => false,
        };
        Self(State::ALL.iter().copied().filter(on_it).collect())
    }

    /// Returns the place of a step; `None` for one that is only taken when something goes wrong.
    pub fn place(&self, step: &str) -> Option<Place> {
        let at = self.0.iter().position(|state| state.name() == step)?;
        Some(Place { step: at + 1, of: self.0.len() })
    }
}

/// Says what a step waits for and how long it may, unless the workflow was deployed with other limits.
pub fn waits(step: &str) -> Option<String> {
    let (what, seconds) = match State::parse(step)? {
        State::Stabilise => ("for the end of an update", STABLE_SECONDS),
        State::Approve => ("for an answer", APPROVAL_SECONDS),
        State::Drain => ("for every change to reach the audit log", DRAIN_SECONDS.default),
        State::Backup => ("for the backup", BACKUP_SECONDS),
        State::Watch => ("for CloudFormation's deletion", WATCH_SECONDS.default),
        State::Prove => ("for what its service still deletes", GOING_SECONDS),
        _ => return None,
    };
    Some(format!("waits {what}, at most {}", clock::duration(i64::from(seconds) * 1000)))
}

#[cfg(test)]
mod tests {
    use contract::{Request, State};

    use super::{APPROVAL_SECONDS, Path, Place, waits};

    const MACHINE: &str = include_str!("../../../statemachine/teardown.asl.json");

    #[test]
    fn the_way_depends_on_what_was_asked_for() {
        let plan = Request::plan("tasks-dev".into());
        let start = Request { dry_run: false, ..plan.clone() };
        let last = |request: &Request| Path::of(request).place("Announce").expect("on the way");
        assert_eq!(last(&start), Place { step: 15, of: 15 });
        assert_eq!(last(&Request { approval: true, ..start.clone() }).of, 16);
        assert_eq!(last(&Request { backup: false, ..start.clone() }).of, 14);
        assert_eq!(last(&plan).of, 7);
        assert_eq!(Path::of(&start).place("Drain"), Some(Place { step: 7, of: 15 }));
        for beside in ["Restore", "Remedy", "WaitDrained", "New"] {
            assert_eq!(Path::of(&start).place(beside), None, "{beside}");
        }
    }

    #[test]
    fn a_person_has_the_time_that_the_state_machine_gives() {
        let machine: serde_json::Value = serde_json::from_str(MACHINE).expect("json");
        assert_eq!(machine["States"][State::Approve.name()]["TimeoutSeconds"], APPROVAL_SECONDS);
    }

    #[test]
    fn who_waits_says_for_what_and_how_long() {
        assert_eq!(
            waits("Drain").as_deref(),
            Some("waits for every change to reach the audit log, at most 10 min 0 s")
        );
        assert_eq!(waits("Plan"), None);
        assert_eq!(waits("New"), None);
    }
}
