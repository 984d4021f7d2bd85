//! A task and everything about it that needs neither AWS nor Lambda: this crate's manifest names no crate of theirs.
//!
//! | module | holds |
//! | --- | --- |
//! | [`task`] | a task, its id, its fields' rules and status moves |
//! | [`input`] | request bodies, query strings and conditional headers parsed into types |
//! | [`principal`] | who calls, as the authorizer and the task function agree on it |
//! | [`error`] | everything that can go wrong with a request, without HTTP |
//! | [`audit`] | old and new image → audit record, with its integrity hashes |

pub mod audit;
pub mod error;
pub mod input;
pub mod principal;
pub mod task;
