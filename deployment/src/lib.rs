//! What `xtask`, `taskctl` and the end-to-end tests agree on about a deployment: [`Outputs`], the file that says where it is, and
//! [`names`], the rules of its names.

pub mod names;
mod outputs;

pub use outputs::{Missing, Outputs, Service, Teardown};
