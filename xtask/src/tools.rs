//! The means of every command: programs, locks, fingerprints, installations, progress, and the repository's folders.

pub mod browser;
pub mod checks;
pub mod environment;
pub mod fingerprint;
pub mod install;
pub mod lock;
pub mod page;
pub mod private;
pub mod process;
pub mod programs;
pub mod progress;
pub mod python;
#[cfg(test)]
pub mod testing;
pub mod workspace;
