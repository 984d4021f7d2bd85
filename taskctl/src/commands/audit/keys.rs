//! `audit keys`: prints the public keys that the audit log is signed with, as KMS has them.

use crate::{
    account::{clients::Aws, service},
    audit::keys,
    cli::failure::{Exit, Failure},
    terminal::screen,
};

pub async fn run(aws: &Aws, stage: Option<&str>) -> Result<Exit, Failure> {
    let group = service::audit_group(aws, stage)?;
    for key in keys::of_kms(aws, &service::sealed(aws, stage, &group).await?).await? {
        screen::out(&key.to_string());
    }
    Ok(Exit::Success)
}
