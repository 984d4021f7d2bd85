//! The task service's Lambda functions: one library, one thin binary per function (`src/bin`).
//!
//! Pure modules, free of AWS and Lambda types (`tests/architecture.rs` holds that):
//!
//! | module | holds |
//! | --- | --- |
//! | [`task`] | a task, its id, its fields' rules and status moves |
//! | [`input`] | request bodies, query strings and conditional headers parsed into types |
//! | [`principal`] | who calls, as the authorizer and the task function agree on it |
//! | [`error`] | what can go wrong, without HTTP |
//! | [`audit`] | old and new image → audit record, with its integrity hashes |
//! | [`passing`] | which AWS errors are worth another try, by status and code |
//!
//! Around them: [`store`] makes every DynamoDB call; [`api`] answers the HTTPS API with [`http`]'s event
//! types and [`problem`]'s mapping of errors; [`authorizer`] turns a token into a policy; [`stream`]
//! takes a batch of stream records to the audit log; [`teardown`] does the steps of
//! the teardown workflow; [`environment`] is what the binaries have in common.

pub mod api;
pub mod audit;
pub mod authorizer;
pub mod environment;
pub mod error;
pub mod http;
pub mod input;
pub mod passing;
pub mod principal;
pub mod problem;
pub mod store;
pub mod stream;
pub mod task;
pub mod teardown;
