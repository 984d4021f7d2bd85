//! The audit function: [`stream`] takes a batch of the table's stream to the audit log, [`log_sink`] writes there.

pub mod log_sink;
pub mod stream;
