//! How work is done: programs started, one at a time, only when something changed, visibly; and where things are.

pub mod checks;
pub mod environment;
pub mod fingerprint;
pub mod install;
pub mod lock;
pub mod private;
pub mod process;
pub mod programs;
pub mod progress;
pub mod python;
#[cfg(test)]
pub mod testing;
pub mod workspace;
