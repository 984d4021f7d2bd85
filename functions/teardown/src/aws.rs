//! AWS, as the teardown reads and changes it, a file per service. It knows no step and no run.

mod buckets;
mod clients;
mod error;
mod functions;
mod log_groups;
mod presence;
mod roles;
mod stacks;
mod streams;
mod tables;
pub mod types;
mod user_pools;

pub use self::{
    buckets::Held,
    clients::Clients,
    error::{AwsError, done, found},
    log_groups::{LogGroup, is_protected},
    presence::{Presence, unproven},
    stacks::{IN_REVIEW, stack_ref},
    streams::{has_ended, has_heirless_end},
};
