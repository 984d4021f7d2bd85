//! Shared by the functions: settings from the environment, AWS clients, logging, and the list of transient AWS errors. It
//! knows nothing of tasks or teardowns.

mod clients;
mod error_chain;
mod log;
mod settings;
mod trace;
mod transient;
mod trust;

pub use self::{
    clients::{behavior_version, connector, http_client, retries, timeouts},
    error_chain::error_chain,
    log::init_log,
    settings::{AwsSettings, Error, optional, required, warms_up},
    trace::trace_id,
    transient::is_transient,
};
