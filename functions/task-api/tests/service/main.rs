//! The task function against a conforming DynamoDB (dynoxide, in process), with one database per test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod answers;
mod api;
mod busy;
mod callers;
mod clients;
mod contract;
mod cost;
mod due;
mod fields;
mod openapi;
mod records;
mod small_print;
mod table;
