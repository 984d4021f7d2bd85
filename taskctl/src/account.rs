//! The AWS account a command works in: how it is reached, what is deployed there, and what its errors mean.

pub mod clients;
pub mod deployment;
pub mod error;
pub mod execution;
pub mod outputs;
