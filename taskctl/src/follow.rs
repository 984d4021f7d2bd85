//! An execution that runs: its events are read, gathered into steps, and shown line by line.

pub mod deletion;
pub mod fold;
pub mod history;
pub mod note;
pub mod path;
pub mod stack_events;
pub mod standing;
pub mod steps;
pub mod waiting;
pub mod watch;
