//! The audit function: [`stream`] turns a batch of the table's stream into audit records, [`intents`] says which ones before
//! [`log_sink`] writes them to the log.

pub mod intents;
pub mod log_sink;
pub mod stream;
