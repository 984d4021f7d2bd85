//! The states of the state machine, and the steps that some of them run.

use crate::listed::listed;

listed! {
    /// A piece of work that the step function does.
    pub enum Step {
        Resolve = "resolve",
        Stabilise = "stabilise",
        Inventory = "inventory",
        Preflight = "preflight",
        Plan = "plan",
        Freeze = "freeze",
        Drain = "drain",
        Backup = "backup",
        Unprotect = "unprotect",
        Delete = "delete",
        Watch = "watch",
        Remedy = "remedy",
        Sweep = "sweep",
        Prove = "prove",
        Report = "report",
        Restore = "restore",
        ReportFailure = "report_failure",
    }
}

listed! {
    /// A state of `statemachine/teardown.asl.json`, in the order in which a run meets them.
    pub enum State {
        Begin = "Begin",
        Resolve = "Resolve",
        IsThere = "IsThere",
        WaitLock = "WaitLock",
        Stabilise = "Stabilise",
        IsStable = "IsStable",
        WaitStable = "WaitStable",
        Inventory = "Inventory",
        Preflight = "Preflight",
        Plan = "Plan",
        IsReal = "IsReal",
        Approve = "Approve",
        Freeze = "Freeze",
        Drain = "Drain",
        IsDrained = "IsDrained",
        WaitDrained = "WaitDrained",
        WaitSettled = "WaitSettled",
        Backup = "Backup",
        IsBackedUp = "IsBackedUp",
        WaitBackup = "WaitBackup",
        Unprotect = "Unprotect",
        Delete = "Delete",
        Watch = "Watch",
        IsDeleted = "IsDeleted",
        WaitDeleted = "WaitDeleted",
        Remedy = "Remedy",
        Sweep = "Sweep",
        IsSwept = "IsSwept",
        WaitSwept = "WaitSwept",
        Prove = "Prove",
        IsProven = "IsProven",
        WaitProven = "WaitProven",
        Report = "Report",
        Restore = "Restore",
        ReportFailure = "ReportFailure",
        Announce = "Announce",
        IsGreen = "IsGreen",
        Succeeded = "Succeeded",
        Failed = "Failed",
    }
}

/// The part that a state plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Calls the step function.
    Runs(Step),
    /// Puts an event on the bus, and waits for an answer where one is asked for.
    Says(&'static str),
    /// Lets time pass, for the state that is named.
    WaitsFor(State),
    /// Takes no time and does nothing: a `Pass` or a `Choice`.
    Decides,
    /// The end of an execution.
    Ends,
}

/// The most that an execution may have changed by the time it is stopped in a state, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing but its own evidence.
    Nothing,
    /// The writers may be stopped: the API answers 503.
    Frozen,
    /// Protections may be off as well.
    Unprotected,
    /// `CloudFormation` may be deleting the stack.
    Deleting,
    /// The stack is gone; nothing is proven of what it left behind.
    Gone,
    /// All the work is done, whether a dry run's or a deletion's; the report may not be written.
    Unreported,
    /// The report is written; it may not have been announced.
    Reported,
    /// Traffic and protections were being restored.
    Restoring,
}

impl State {
    /// Returns the part that this state plays.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Resolve => Role::Runs(Step::Resolve),
            Self::Stabilise => Role::Runs(Step::Stabilise),
            Self::Inventory => Role::Runs(Step::Inventory),
            Self::Preflight => Role::Runs(Step::Preflight),
            Self::Plan => Role::Runs(Step::Plan),
            Self::Freeze => Role::Runs(Step::Freeze),
            Self::Drain => Role::Runs(Step::Drain),
            Self::Backup => Role::Runs(Step::Backup),
            Self::Unprotect => Role::Runs(Step::Unprotect),
            Self::Delete => Role::Runs(Step::Delete),
            Self::Watch => Role::Runs(Step::Watch),
            Self::Remedy => Role::Runs(Step::Remedy),
            Self::Sweep => Role::Runs(Step::Sweep),
            Self::Prove => Role::Runs(Step::Prove),
            Self::Report => Role::Runs(Step::Report),
            Self::Restore => Role::Runs(Step::Restore),
            Self::ReportFailure => Role::Runs(Step::ReportFailure),
            Self::Approve => Role::Says(crate::names::APPROVAL_EVENT),
            Self::Announce => Role::Says(crate::names::FINISHED_EVENT),
            Self::WaitLock => Role::WaitsFor(Self::Resolve),
            Self::WaitStable => Role::WaitsFor(Self::Stabilise),
            Self::WaitDrained => Role::WaitsFor(Self::Drain),
            Self::WaitSettled | Self::WaitBackup => Role::WaitsFor(Self::Backup),
            Self::WaitDeleted => Role::WaitsFor(Self::Watch),
            Self::WaitSwept => Role::WaitsFor(Self::Sweep),
            Self::WaitProven => Role::WaitsFor(Self::Prove),
            Self::Begin
            | Self::IsThere
            | Self::IsStable
            | Self::IsReal
            | Self::IsDrained
            | Self::IsBackedUp
            | Self::IsDeleted
            | Self::IsSwept
            | Self::IsProven
            | Self::IsGreen => Role::Decides,
            Self::Succeeded | Self::Failed => Role::Ends,
        }
    }

    /// Returns the step that this state runs, if it runs one.
    #[must_use]
    pub const fn step(self) -> Option<Step> {
        match self.role() {
            Role::Runs(step) => Some(step),
            Role::Says(_) | Role::WaitsFor(_) | Role::Decides | Role::Ends => None,
        }
    }

    /// Returns the most that an execution stopped in this state may have changed.
    #[must_use]
    pub const fn effect(self) -> Effect {
        match self {
            Self::Begin
            | Self::Resolve
            | Self::IsThere
            | Self::WaitLock
            | Self::Stabilise
            | Self::IsStable
            | Self::WaitStable
            | Self::Inventory
            | Self::Preflight
            | Self::Plan
            | Self::IsReal
            | Self::Approve => Effect::Nothing,
            // After a Delete that found writers at work again, protections are off here too.
            Self::Freeze
            | Self::Drain
            | Self::IsDrained
            | Self::WaitDrained
            | Self::WaitSettled
            | Self::Backup
            | Self::IsBackedUp
            | Self::WaitBackup => Effect::Frozen,
            Self::Unprotect => Effect::Unprotected,
            Self::Delete | Self::Watch | Self::IsDeleted | Self::WaitDeleted | Self::Remedy => {
                Effect::Deleting
            }
            Self::Sweep
            | Self::IsSwept
            | Self::WaitSwept
            | Self::Prove
            | Self::IsProven
            | Self::WaitProven => Effect::Gone,
            Self::Report => Effect::Unreported,
            Self::Announce | Self::IsGreen | Self::Succeeded | Self::Failed => Effect::Reported,
            Self::Restore | Self::ReportFailure => Effect::Restoring,
        }
    }
}
