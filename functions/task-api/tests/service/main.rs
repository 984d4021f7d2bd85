//! The task function against a DynamoDB that conforms (dynoxide, in process), one database a test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]
mod api;
mod contract;
mod cost;
mod fields;
mod small_print;
mod table;
