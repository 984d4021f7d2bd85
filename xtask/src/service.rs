//! The service's parts and how they are deployed, to the local AWS and to a real one alike.

pub mod cdk;
pub mod functions;
pub mod log_role;
pub mod principals;
pub mod stopped;
