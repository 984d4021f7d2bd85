//! The authorizer with static tokens and JWTs, called as its binary calls it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod app;
mod attacks;
mod claims;
mod refresh;
mod server;
mod settings;
mod signer;
mod tokens;
