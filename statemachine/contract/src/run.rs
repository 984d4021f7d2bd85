//! The run: all that one state hands to the next.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    inventory::{Found, Planned, PlannedFate},
    listed::listed,
    lists::Sealed,
    report::{Noted, Outcome, Report, Restored},
    request::{Consent, Request},
    state::Step,
};

/// All that one state hands to the next. Some fields are read by the state machine's conditions: `request.dryRun`,
/// `request.approval`, `gone`, `again`, `lockFrom`, `backupFrom`, `delete`, `states` and `report`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub struct Run {
    pub request: Request,
    pub started_at: Option<String>,
    pub stack: Option<StackRef>,
    /// The execution whose last call is waited for, and Unix milliseconds at which it must be over: then its lock may be taken.
    pub left_by: Option<String>,
    pub lock_from: i64,
    /// The stack is deleted: by this run, or before it began.
    pub gone: bool,
    /// The step wants to be called again, after a wait.
    pub again: bool,
    /// Unix seconds after which the present loop gives up.
    pub deadline: Option<i64>,
    /// The lists below, which only a step has in full: between two steps they are in the evidence.
    pub lists: Sealed,
    /// The things to be dealt with. Prove moves them to `found`.
    #[serde(skip)]
    pub inventory: Vec<Planned>,
    #[serde(skip)]
    pub found: Vec<Found>,
    pub inventory_hash: Option<String>,
    pub plan_hash: Option<String>,
    /// The template and parameters that the plan was made from, as a hash.
    pub version: Option<String>,
    #[serde(skip)]
    pub blockers: Vec<Blocker>,
    /// Unix milliseconds from which on no writer can have written: Freeze stopped them, and the invocations that were
    /// under way have timed out.
    pub quiet_from: i64,
    /// Unix milliseconds before which no backup is begun: the state machine waits. 0 when none is wanted.
    pub backup_from: i64,
    /// Unix milliseconds before the first sentinel: part of their names.
    pub drained_since: Option<i64>,
    /// How many sentinels were written.
    pub sentinels: u32,
    /// The shards that have shown one.
    pub marked: BTreeSet<String>,
    pub all_marked: bool,
    /// The sentinels that were found in the audit log so far, and the token of the page to go on with.
    pub audited: BTreeSet<u32>,
    pub audit_page: Option<String>,
    pub backup_arn: Option<String>,
    pub delete: Deletion,
    /// The deletion under way is done by a role that may delete nothing, so that the next one can leave resources behind.
    pub in_vain: bool,
    /// Logical ids proven absent since the last deletion failed, which the next one leaves out.
    #[serde(skip)]
    pub retain: Vec<String>,
    pub rounds: u32,
    pub sweeps: u32,
    /// Changes that never reached the audit log, as the plan found them.
    pub strays: Vec<Strays>,
    /// Those of them that were destroyed.
    pub emptied: Vec<Noted>,
    #[serde(skip)]
    pub kept: Vec<Noted>,
    #[serde(skip)]
    pub unproven: Vec<Noted>,
    pub states: Vec<Visited>,
    pub restored: Option<Restored>,
    /// The error that a `Catch` caught.
    pub error: Option<Caught>,
    pub outcome: Option<Outcome>,
    pub report: Option<Report>,
}

/// The stack, once its name is resolved: from then on only its id is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StackRef {
    pub id: String,
    pub name: String,
    pub status: String,
    pub termination_protected: bool,
}

/// Something that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    pub why: String,
    /// The consent that would remove it; `None` when no consent does.
    pub consent: Option<Consent>,
}

/// Changes that never reached the audit log, in one place: the failure bucket or the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strays {
    /// The resource type of the place.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its physical id.
    pub place: String,
    pub count: u64,
    /// Unix milliseconds of the newest, by the clock of the service that keeps them.
    pub until: i64,
    /// The names of the newest.
    pub newest: Vec<String>,
}

impl Strays {
    /// Returns them in words: where, how many, which.
    #[must_use]
    pub fn words(&self) -> String {
        let (place, one) =
            if self.kind.ends_with("::Bucket") { ("bucket", "object") } else { ("quarantine", "record") };
        let plural = if self.count == 1 { "" } else { "s" };
        let newest = self.newest.join(", ");
        format!("the {place} {} is not empty: {} {one}{plural}, the newest {newest}", self.place, self.count)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visited {
    pub state: Step,
    pub at: String,
    /// How often it was entered without another in between.
    pub times: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Caught {
    pub error: String,
    pub cause: String,
}

listed! {
    /// The deletion's progress.
    #[derive(Default)]
    pub enum Deletion {
        #[default]
        NotStarted = "not_started",
        InProgress = "in_progress",
        Deleted = "deleted",
        /// `DELETE_FAILED`: there may be a remedy.
        Failed = "failed",
    }
}

listed! {
    /// Why a step stopped, by the error's name in the state machine's `Retry` and `Catch`.
    pub enum Stop {
        /// Worth another try: throttling, a time-out, a server's fault.
        Transient = "Transient",
        /// The request, or the stack as it is, does not allow it; nothing was changed.
        Refused = "Refused",
        /// Writers were started again after they had been stopped: back to Freeze.
        Thawed = "Thawed",
        Failed = "Failed",
    }
}

listed! {
    /// A value that the evidence table keeps about a stack, by its sort key.
    pub enum Evidence {
        /// The execution that holds the stack: one at a time.
        Lock = "lock",
        /// The hash of the list of things: the list itself is a set of items of its own.
        Inventory = "inventory",
        /// The lists of runs and of things, in parts, by their hashes.
        Lists = "lists",
        Freeze = "freeze",
        Unprotect = "unprotect",
        Backup = "backup",
        /// Every change is in the audit log, and nothing could write since.
        Drained = "drained",
        /// Changes may never have reached the audit log, and no report has said so yet.
        Unaudited = "unaudited",
        /// The stack was deleted and everything of it proven absent.
        Done = "done",
    }
}

/// A run that names no stack yet was asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoStack;

impl fmt::Display for NoStack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the run names no stack yet")
    }
}

impl std::error::Error for NoStack {}

impl Run {
    /// Notes that a step begins.
    pub fn visit(&mut self, step: Step, at: &str) {
        self.started_at.get_or_insert_with(|| at.to_owned());
        match self.states.last_mut() {
            Some(last) if last.state == step => last.times += 1,
            _ => self.states.push(Visited { state: step, at: at.to_owned(), times: 1 }),
        }
    }

    /// Returns the stack that the name was resolved to.
    pub fn stack(&self) -> Result<&StackRef, NoStack> {
        self.stack.as_ref().ok_or(NoStack)
    }

    /// Returns how often the present step was entered without another in between.
    #[must_use]
    pub fn times(&self) -> u32 {
        self.states.last().map_or(0, |visited| visited.times)
    }

    /// Returns how often this run has stopped the writers.
    #[must_use]
    pub fn freezes(&self) -> u32 {
        let freezes = self.states.iter().filter(|visited| visited.state == Step::Freeze).count();
        u32::try_from(freezes).unwrap_or(u32::MAX)
    }

    /// Starts the clock of a loop, or says that its time is up.
    pub fn expired(&mut self, now_seconds: i64, seconds: u32) -> bool {
        now_seconds > *self.deadline.get_or_insert(now_seconds + i64::from(seconds))
    }

    /// Forgets what was drained and backed up before this freeze.
    pub fn drain_again(&mut self) {
        (self.drained_since, self.sentinels, self.all_marked, self.deadline) = (None, 0, false, None);
        self.marked.clear();
        (self.audited, self.audit_page) = (BTreeSet::new(), None);
        self.backup_arn = None;
    }

    /// Returns the entries of a type that are to be deleted.
    pub fn doomed<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Planned> {
        self.inventory.iter().filter(move |entry| entry.kind == kind && entry.fate == PlannedFate::Delete)
    }

    /// Notes that something stays. The same thing may stay for several reasons.
    pub fn keep(&mut self, noted: Noted) {
        if !self.kept.contains(&noted) {
            self.kept.push(noted);
        }
    }

    /// Notes that these are destroyed.
    pub fn destroyed(&mut self, strays: &Strays) {
        let noted = Noted::resource(&strays.kind, &strays.place, strays.words());
        if !self.emptied.contains(&noted) {
            self.emptied.push(noted);
        }
    }

    /// Notes that something is not proven. The first reason for one thing stands: it is the cause of the later ones.
    pub fn not_proven(&mut self, noted: Noted) {
        if !self.unproven.iter().any(|known| known.is_about(&noted.kind, &noted.id)) {
            self.unproven.push(noted);
        }
    }

    /// Returns the consents that would answer every blocker; `None` when consent alone does not do.
    #[must_use]
    pub fn missing_consents(&self) -> Option<BTreeSet<Consent>> {
        self.blockers.iter().map(|blocker| blocker.consent).collect()
    }
}
