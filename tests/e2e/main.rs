//! The whole service on the local AWS: real template, real binaries, real stream.
//!
//! `cargo xtask test e2e` deploys a stack of its own and names it in `E2E_OUTPUTS`. The tests share that stack,
//! so each looks only at tasks it made; what breaks the audit function for everybody runs alone ([`stack::alone`]).

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod auth;
mod aws;
mod certainty;
mod faults;
mod life;
mod load;
mod out_of_band;
mod secrets;
mod small_print;
mod stack;
mod teardown;
