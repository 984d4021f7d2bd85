//! The service whose audit log is read: found by its stage, or through the outputs file.

use deployment::names::{audit_log_group, service_stack};

use crate::{
    account::{clients::Aws, stack},
    cli::failure::Failure,
};

/// The parts of the service that hold its changes, or may hold them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    pub audit_group: String,
    pub quarantine_group: String,
    pub failure_bucket: String,
    pub audit_function: String,
    pub table: String,
}

/// Returns the name of the audit log group. A stage's needs no call, so that whoever may only read the log can, and it is found
/// when the stack is gone.
pub fn audit_group(aws: &Aws, stage: Option<&str>) -> Result<String, Failure> {
    match (stage, &aws.outputs.service) {
        (Some(stage), _) => Ok(audit_log_group(stage)),
        (None, Some(service)) => Ok(service.audit_log_group.clone()),
        (None, None) => Err(unnamed()),
    }
}

/// Returns the service: by the outputs of the stage's stack, or by the outputs file.
pub async fn find(aws: &Aws, stage: Option<&str>) -> Result<Service, Failure> {
    let bucket = aws.outputs.more.get("failureBucket");
    if let (None, Some(service), Some(bucket)) = (stage, &aws.outputs.service, bucket) {
        return Ok(Service {
            audit_group: service.audit_log_group.clone(),
            quarantine_group: service.quarantine_log_group.clone(),
            failure_bucket: bucket.clone(),
            audit_function: service.audit_function.clone(),
            table: service.table_name.clone(),
        });
    }
    let name = stage.map(service_stack).or_else(|| aws.outputs.service_stack.clone()).ok_or_else(unnamed)?;
    let Some(stack) = stack::describe(aws, &name).await? else {
        return Err(Failure::failed(format!("there is no stack {name} at {}", aws.place)).next(
            "is this the right stage, account and region? --stage STAGE --profile NAME --region REGION",
        ));
    };
    let outputs = stack::outputs_of(&stack);
    let output = |key: &str| {
        let missing =
            || Failure::failed(format!("the stack {name} has no output {key}: it is not a service stack"));
        outputs.get(key).cloned().ok_or_else(missing)
    };
    Ok(Service {
        audit_group: output("AuditLogGroup")?,
        quarantine_group: output("QuarantineLogGroup")?,
        failure_bucket: output("FailureBucket")?,
        audit_function: output("AuditFunction")?,
        table: output("TableName")?,
    })
}

/// The seal of a stage's audit log: where it is, and who signs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seal {
    pub bucket: String,
    /// The ids of the KMS keys that sign.
    pub keys: Vec<String>,
    /// The log's name in its checkpoints.
    pub origin: String,
}

/// Returns the seal of the stage's audit log.
pub async fn sealed(aws: &Aws, stage: Option<&str>, group: &str) -> Result<Seal, Failure> {
    let unsealed = || Failure::unproven(format!("{group} is not sealed: its stack has no output SealBucket"));
    seal(aws, stage).await?.ok_or_else(unsealed)
}

/// Finds the seal by the outputs file or those of the stage's stack. `None` if it has none.
async fn seal(aws: &Aws, stage: Option<&str>) -> Result<Option<Seal>, Failure> {
    let more = &aws.outputs.more;
    if stage.is_none() && more.contains_key("sealBucket") {
        return Ok(seal_of(|name| more.get(name).cloned(), ["sealBucket", "sealKeys", "sealOrigin"]));
    }
    let name = stage.map(service_stack).or_else(|| aws.outputs.service_stack.clone()).ok_or_else(unnamed)?;
    let Some(stack) = stack::describe(aws, &name).await? else {
        return Err(Failure::failed(format!("there is no stack {name} at {}", aws.place))
            .next("if it was torn down, name what it left: --bucket NAME --key KEY, or verify a bundle"));
    };
    let outputs = stack::outputs_of(&stack);
    Ok(seal_of(|name| outputs.get(name).cloned(), ["SealBucket", "SealKeys", "SealOrigin"]))
}

fn seal_of(output: impl Fn(&str) -> Option<String>, names: [&str; 3]) -> Option<Seal> {
    let [bucket, keys, origin] = names.map(output);
    let keys = keys?.split(',').map(str::to_owned).collect();
    Some(Seal { bucket: bucket?, keys, origin: origin? })
}

fn unnamed() -> Failure {
    Failure::usage("which audit log? no outputs file names one").next("name the stage: --stage STAGE")
}
