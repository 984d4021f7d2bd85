//! The verifier over a log of some hundred records, and everything that can be done to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod bundle;
mod files;
mod leaves;
mod on_disk;
mod python;
mod seals;
mod size;
mod tampering;
mod thousand;
mod ways;
