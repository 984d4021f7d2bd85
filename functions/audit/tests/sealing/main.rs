//! The audit function between a table of intents that conforms to DynamoDB (dynoxide, in process) and a log service that sees
//! whether each record was announced.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod intents;
mod logs;
mod schema;
mod table;
