//! A deployment as `xtask`, `taskctl` and the end-to-end tests know it: [`Outputs`], the file that says where it is, and
//! [`names`], the rules for names.

pub mod names;
mod outputs;

pub use outputs::{Missing, Outputs, Service, Teardown};
