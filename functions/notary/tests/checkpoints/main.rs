//! The notary between a table of intents that conforms to DynamoDB (dynoxide, in process) and a bucket, a key and a log on this
//! machine.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod aws;
mod runs;
mod scene;
mod table;
