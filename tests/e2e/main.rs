//! The whole service on the local AWS, with its real template, binaries and stream.
//!
//! `cargo xtask test e2e` deploys a stack for the tests and names its outputs file in `E2E_OUTPUTS`. The tests share that
//! stack, so each looks only at the tasks that it created; a test that would disturb the others runs alone ([`stack::alone`]).

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod alarms;
mod auditor;
mod auth;
mod aws;
mod certainty;
mod cost;
mod document;
mod faults;
mod insiders;
mod jwt;
mod life;
mod load;
mod out_of_band;
mod rescue;
mod seal;
#[path = "../../functions/seal/tests/log/bundle.rs"]
#[allow(dead_code, reason = "shared with the tests of seal, which use all of it")]
mod sealed;
mod secrets;
mod small_print;
mod soak;
mod stack;
mod teardown;
mod verify;
