//! The seal of the audit log: what makes an edited, added or missing record show (docs/decisions/0030).
//!
//! Every record has a [`leaf`]. Before the audit function writes records, it states their leaves in an [`intent`]; the notary
//! gathers the intents of some minutes into a [`manifest`] and signs a [`checkpoint`] over all leaves so far. [`verify`] holds
//! records, manifests and checkpoints against each other, without any AWS, and [`bundle`] keeps them in a directory.

pub mod bundle;
pub mod canonical;
pub mod checkpoint;
pub mod clock;
pub mod intent;
pub mod leaf;
pub mod manifest;
pub mod merkle;
pub mod note;
mod place;
pub mod verify;

pub use self::{
    checkpoint::Checkpoint,
    clock::{Minute, Second},
    leaf::Leaf,
    manifest::Manifest,
    merkle::{Hash, Tree},
    note::{Note, VerifierKey},
    place::Place,
};
