//! The audit log: records read in pages of bounded size, each once, in order, and shown to people or programs.

pub mod bucket;
pub mod chain;
pub mod cloud_events;
pub mod failures;
pub mod filter;
pub mod format;
pub mod gather;
pub mod item;
pub mod keys;
pub mod log;
pub mod ocsf;
pub mod page;
pub mod record;
pub mod records;
pub mod shred;
pub mod summary;
pub mod text;
pub mod verdict;
pub mod window;
