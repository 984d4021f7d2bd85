//! The user's AWS account: where a deployment goes, how the functions are built for it, and where its files are.

pub mod folder;
pub mod release;
pub mod target;
