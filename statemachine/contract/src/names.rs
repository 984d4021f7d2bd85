//! Names that more than one side has to know.

use crate::listed::listed;

/// The tag of a stack that may be torn down.
pub const SERVICE_TAG: (&str, &str) = ("service", "tasks");
/// The beginning of a service stack's name; its stage follows.
pub const STACK_PREFIX: &str = "tasks-";
/// The bootstrap's stack, which no teardown touches.
pub const BOOTSTRAP_STACK: &str = "CDKToolkit";
/// The beginning of a sentinel's keys. The step function may put no other item into the service's table.
pub const SENTINEL_PREFIX: &str = "SENTINEL#";
/// The source of the workflow's events.
pub const EVENT_SOURCE: &str = "tasks.teardown";
pub const APPROVAL_EVENT: &str = "Teardown waits for approval";
pub const FINISHED_EVENT: &str = "Teardown finished";

listed! {
    /// A name that a service stack gives, known from the stack's own name. Outputs would say the same, but not of a stack whose
    /// creation failed half-way.
    pub enum Named {
        /// The function that writes tasks.
        TaskFunction = "task function",
        AuditFunction = "audit function",
        AuditLog = "audit log",
        /// The log group of the records that could not be audited.
        Quarantine = "quarantine",
    }
}

impl Named {
    /// Returns the name's form, with `{stack}` and `{stage}` to be filled in.
    #[must_use]
    pub const fn form(self) -> &'static str {
        match self {
            Self::TaskFunction => "{stack}-task-api",
            Self::AuditFunction => "{stack}-audit",
            Self::AuditLog => "/tasks/{stage}/audit",
            Self::Quarantine => "/tasks/{stage}/quarantine",
        }
    }

    /// Returns the name in this stack.
    #[must_use]
    pub fn of(self, stack: &str) -> String {
        let stage = stack.strip_prefix(STACK_PREFIX).unwrap_or(stack);
        self.form().replace("{stack}", stack).replace("{stage}", stage)
    }
}
