//! What the functions have in common beside tasks: settings from the environment, AWS clients, log lines, and which AWS errors
//! pass. It knows no task and no step of a teardown.

mod clients;
mod error_chain;
mod log;
pub mod passing;
mod settings;

pub use self::{
    clients::{behavior_version, http_client, retries, timeouts},
    error_chain::error_chain,
    log::init_log,
    settings::{AwsSettings, Error, required},
};
