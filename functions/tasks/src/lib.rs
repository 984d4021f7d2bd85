//! A task and everything about it that needs neither AWS nor Lambda: this crate's manifest names no crate of theirs.
//!
//! | module | holds |
//! | --- | --- |
//! | [`task`] | a task, its id, its fields' rules and status moves |
//! | [`input`] | request bodies, query strings and conditional headers parsed into types |
//! | [`principal`] | who calls, as the authorizer and the task function agree on it |
//! | [`item`] | the table's schema: keys, attributes, and each field's place in the audit log and in an index |
//! | [`error`] | everything that can go wrong with a request, without HTTP |
//! | [`audit`] | old and new image → audit record, with its integrity hashes |

pub mod audit;
pub mod error;
pub mod input;
pub mod item;
pub mod principal;
pub mod task;
