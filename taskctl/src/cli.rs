//! What a command says to the shell it was typed in: its arguments, its exit code, the next command.

pub mod args;
pub mod failure;
pub mod hint;
pub mod request;
