//! The service whose audit log is read: found by its stage, or through the outputs file.

use deployment::names::audit_log_group;

use crate::{account::clients::Aws, cli::failure::Failure};

/// Returns the name of the audit log group. A stage's needs no call, so that whoever may only read the log can, and it is found
/// when the stack is gone.
pub fn audit_group(aws: &Aws, stage: Option<&str>) -> Result<String, Failure> {
    match (stage, &aws.outputs.service) {
        (Some(stage), _) => Ok(audit_log_group(stage)),
        (None, Some(service)) => Ok(service.audit_log_group.clone()),
        (None, None) => Err(unnamed()),
    }
}

fn unnamed() -> Failure {
    Failure::usage("which audit log? no outputs file names one").next("name the stage: --stage STAGE")
}
