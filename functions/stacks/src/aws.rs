//! AWS, read and changed, a file per service.

mod buckets;
mod clients;
mod error;
mod functions;
mod log_groups;
mod presence;
mod roles;
mod stacks;
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
};
