//! The AWS account that a command works in: its clients, the workflow deployed there, and the meaning of its errors.

pub mod clients;
pub mod error;
pub mod execution;
pub mod outputs;
pub mod service;
pub mod stack;
pub mod workflow;
