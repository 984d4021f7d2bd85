//! One stack of `CloudFormation`: what it has, what of that is there, and the proof that it is gone. Nothing here knows whose stack
//! it is.
//!
//! - `aws` reads AWS and changes it, a file per service.
//! - [`inventory`] lists the things of a stack, with the fate that its template gives them.
//! - [`presence`] asks for things of an inventory.
//! - [`deletion`] asks for a stack's deletion and looks at how far it has come.
//! - [`remedy`] sorts what could not be deleted by what can be done about it.
//! - [`proof`] shows each thing absent, or says why not.

mod aws;
pub mod deletion;
mod error;
pub mod inventory;
pub mod presence;
pub mod proof;
pub mod remedy;
#[cfg(test)]
mod rooms;

pub use self::{
    aws::{
        AwsError, Clients, Held, IN_REVIEW, LogGroup, Presence, done, found, is_protected, stack_ref, types,
        unproven,
    },
    error::Error,
};
