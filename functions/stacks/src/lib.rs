//! One stack of `CloudFormation`: what it has, what of that is there, and the proof that it is gone. Nothing here knows whose stack
//! it is: the task service's, or any other that is stuck.
//!
//! - `aws` reads AWS and changes it, a file per service.
//! - [`presence`] asks for things of an inventory.

mod aws;
mod error;
pub mod presence;

pub use self::{
    aws::{
        AwsError, Clients, Held, IN_REVIEW, LogGroup, Presence, done, found, is_protected, stack_ref, types,
        unproven,
    },
    error::Error,
};
