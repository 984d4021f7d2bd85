//! Tasks, and everything about them that needs neither AWS nor Lambda: this crate depends on no AWS SDK and on no Lambda crate.
//!
//! | module | holds |
//! | --- | --- |
//! | [`task`] | a task, its id, the rules of its fields and its status transitions |
//! | [`input`] | request bodies, query strings and conditional headers parsed into types |
//! | [`principal`] | the caller, in the form that the authorizer and the task function agree on |
//! | [`item`] | the table's schema: keys, attributes, and how each field is audited and indexed |
//! | [`error`] | everything that can go wrong with a request, independent of HTTP |
//! | [`audit`] | an item's old and new image turned into an audit record with integrity hashes |

pub mod audit;
pub mod error;
pub mod input;
pub mod item;
pub mod principal;
pub mod task;
