//! The command line: arguments, exit codes, and the next command to type.

pub mod args;
pub mod audit_args;
pub mod failure;
pub mod hint;
pub mod request;
pub mod rescue_args;
