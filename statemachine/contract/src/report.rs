//! The report: how a run ended.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    inventory::{Entry, Found, Planned},
    listed::listed,
    request::Consent,
    run::Visited,
    state::Step,
};

pub const SCHEMA: &str = "task.teardown/1";
/// The schema of a plan that waits for approval. Otherwise it is a report, but nobody may take it for the end of a run.
pub const PLAN_SCHEMA: &str = "task.teardown/1#plan";

/// The report of a run, as it is logged and announced. The one that the state machine makes by itself, when even reporting failed,
/// has only `outcome`, `reason` and `next`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    pub schema: String,
    /// The execution's ARN.
    pub execution: String,
    /// The stack's name, as it was asked for.
    pub stack: String,
    /// Empty when the name was never resolved.
    pub stack_id: String,
    pub outcome: Outcome,
    pub reason: Option<String>,
    /// The command to run next.
    pub next: String,
    pub started_at: Option<String>,
    pub finished_at: String,
    pub states: Vec<Visited>,
    /// The reasons why a real run would be refused.
    pub blockers: Vec<String>,
    /// The consents that would answer every blocker; null when consent alone does not do.
    pub consents: Option<BTreeSet<Consent>>,
    /// How many things of the inventory have which fate.
    pub counts: BTreeMap<String, usize>,
    /// Empty where there is no room for it: the report in the log has it.
    pub inventory: Inventory,
    /// Changes that never reached the audit log, and were destroyed with consent.
    pub emptied: Vec<Noted>,
    /// The end that traffic and protections came to; null where nothing was to be put back: a dry run, or the stack is gone.
    pub restored: Option<Restored>,
    pub kept: Vec<Noted>,
    pub unproven: Vec<Noted>,
    /// How many blockers and notes there was no room for: the report in the log has them.
    pub left_out: usize,
    pub inventory_hash: Option<String>,
    pub plan_hash: Option<String>,
}

/// The things that Restore put back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restored {
    /// Everything that was stopped or lifted is as before.
    pub complete: bool,
    /// In words.
    pub what: String,
}

/// The bytes of JSON for blockers and notes in a brief report: with the rest of it they fit into the cause of a red execution, which
/// has 32,000 characters.
const BRIEF_BYTES: usize = 18_000;

impl Report {
    /// Returns the report as a run, an event and the end of an execution have room for: without the inventory, and with as many
    /// notes as fit, those that say why nothing is proven first.
    #[must_use]
    pub fn brief(&self) -> Self {
        let mut room = BRIEF_BYTES;
        let (unproven, one) = fitting(&self.unproven, &mut room);
        let (blockers, two) = fitting(&self.blockers, &mut room);
        let (kept, three) = fitting(&self.kept, &mut room);
        let left_out = one + two + three;
        Self { inventory: Inventory::default(), unproven, blockers, kept, left_out, ..self.clone() }
    }
}

/// Returns as many of these as there is room for, from the first on, and how many are left out.
fn fitting<T: Clone + Serialize>(all: &[T], room: &mut usize) -> (Vec<T>, usize) {
    let fits = |one: &&T| {
        let bytes = serde_json::to_string(one).map_or(usize::MAX, |json| json.len());
        let left = room.checked_sub(bytes);
        *room = left.unwrap_or_default();
        left.is_some()
    };
    let fitting: Vec<_> = all.iter().take_while(fits).cloned().collect();
    let left_out = all.len() - fitting.len();
    (fitting, left_out)
}

/// The inventory as far as the run came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Inventory {
    Planned(Vec<Planned>),
    Found(Vec<Found>),
}

impl Inventory {
    /// Tells whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Planned(entries) => entries.is_empty(),
            Self::Found(entries) => entries.is_empty(),
        }
    }

    /// Returns how many things have which fate.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let fates: Vec<_> = match self {
            Self::Planned(entries) => entries.iter().map(|entry| entry.fate.name()).collect(),
            Self::Found(entries) => entries.iter().map(|entry| entry.fate.name()).collect(),
        };
        let mut counts = BTreeMap::new();
        for fate in fates {
            *counts.entry(fate.to_owned()).or_default() += 1;
        }
        counts
    }
}

impl Default for Inventory {
    fn default() -> Self {
        Self::Planned(Vec::new())
    }
}

/// Something that stays, or that was not proven, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// A resource type, or one of the kinds below.
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub id: String,
    /// The thing in words.
    pub what: String,
    pub why: String,
    /// The consent with which the next run can deal with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

impl Noted {
    pub const BACKUP: &str = "Backup";
    pub const SYSTEM_BACKUPS: &str = "SystemBackups";
    /// Every committed change is in the audit log.
    pub const COMPLETENESS: &str = "Completeness";
    /// The task function's reserved concurrency.
    pub const CONCURRENCY: &str = "Concurrency";
    pub const TRAFFIC: &str = "Traffic";
    /// A report that could not be written where it outlives everything.
    pub const REPORT: &str = "Report";
    /// Notes of an earlier step.
    pub const EVIDENCE: &str = "Evidence";
    /// A stack of which nothing is known.
    pub const STACK: &str = "Stack";
    /// A stack that took the name.
    pub const SUCCESSOR: &str = "Successor";

    /// Returns a note about a resource.
    #[must_use]
    pub fn resource(kind: &str, id: &str, why: impl Into<String>) -> Self {
        Self::new(kind, id, format!("{kind} {id}"), why)
    }

    /// Returns a note about an entry of the inventory, with the entry's own reason.
    #[must_use]
    pub fn entry<Fate>(entry: &Entry<Fate>) -> Self {
        Self::resource(&entry.kind, &entry.physical_id, entry.why.clone())
    }

    /// Returns a note about a backup.
    #[must_use]
    pub fn backup(arn: &str, why: impl Into<String>) -> Self {
        Self::new(Self::BACKUP, arn, format!("backup {arn}"), why)
    }

    /// Returns a note that changes may be missing from the audit log.
    #[must_use]
    pub fn completeness(audit_log: &str, why: impl Into<String>) -> Self {
        Self::new(Self::COMPLETENESS, audit_log, "completeness of the audit log", why)
    }

    /// Returns a note about anything, in words.
    #[must_use]
    pub fn new(kind: &str, id: &str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned(), what: what.into(), why: why.into(), consent: None }
    }

    /// Adds the consent with which the next run can deal with it.
    #[must_use]
    pub fn with(self, consent: Consent) -> Self {
        Self { consent: Some(consent), ..self }
    }

    #[must_use]
    pub fn is_about(&self, kind: &str, id: &str) -> bool {
        self.kind == kind && self.id == id
    }
}

listed! {
    /// How a run ended.
    #[derive(Default)]
    pub enum Outcome {
        /// The dry run ended.
        Planned = "planned",
        /// Everything is proven absent now.
        Deleted = "deleted",
        /// It had been before.
        NothingToDo = "nothing-to-do",
        /// Not done, and nothing is changed.
        Refused = "refused",
        /// The stack is gone, but something is still there or could not be looked at.
        Unproven = "unproven",
        /// Also an outcome of another version: never taken for a success.
        #[default]
        #[serde(other)]
        Failed = "failed",
    }
}

impl Outcome {
    /// Tells whether the execution succeeds.
    #[must_use]
    pub const fn is_green(self) -> bool {
        match self {
            Self::Planned | Self::Deleted | Self::NothingToDo => true,
            Self::Refused | Self::Failed | Self::Unproven => false,
        }
    }

    /// Returns taskctl's exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Planned | Self::Deleted | Self::NothingToDo => 0,
            Self::Refused => 3,
            Self::Failed => 4,
            Self::Unproven => 5,
        }
    }

    /// Returns the steps that may conclude it. When even `ReportFailure` fails, the state machine itself says [`Outcome::Failed`].
    #[must_use]
    pub const fn concluded_by(self) -> &'static [Step] {
        match self {
            Self::Planned | Self::Deleted | Self::NothingToDo => &[Step::Report],
            Self::Refused | Self::Failed => &[Step::ReportFailure],
            Self::Unproven => &[Step::Report, Step::ReportFailure],
        }
    }
}
