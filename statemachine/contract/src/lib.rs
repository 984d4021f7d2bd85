//! The contract of the teardown workflow, between the state machine (`statemachine/teardown.asl.json`), the function that does
//! its steps, `taskctl`, the CDK app and `docs/teardown.md`.
//!
//! Python and the documents read the same facts from `statemachine/contract.json`, a snapshot of this crate that its tests
//! compare. After a change: `REFRESH=1 cargo test -p contract`.
//!
//! Data only: no AWS, no clock, no decision that needs either.

mod inventory;
pub mod limits;
mod listed;
mod lists;
pub mod names;
pub mod parts;
mod report;
mod request;
mod run;
mod state;

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod snapshot;

pub use self::{
    inventory::{Entry, Found, FoundFate, Planned, PlannedFate},
    lists::{Lists, Sealed},
    report::{Inventory, Noted, Outcome, PLAN_SCHEMA, Report, Restored, SCHEMA},
    request::{Approval, Consent, Request},
    run::{Blocker, Caught, Deletion, Evidence, NoStack, Run, StackRef, Stop, Strays, Visited},
    state::{Effect, Role, State, Step},
};
