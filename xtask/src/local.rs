//! The local AWS, and the service on it.

pub mod client;
pub mod disposable;
pub mod launcher;
pub mod outputs;
pub mod scene;
pub mod stack;
