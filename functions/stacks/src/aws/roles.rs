//! Roles.

use super::{Clients, found};
use crate::Error;

impl Clients {
    /// Returns the time at which a role was made, in Unix seconds; `None` when there is no such role.
    pub async fn role_created(&self, role: &str) -> Result<Option<i64>, Error> {
        let role = self.iam.get_role().role_name(role).send().await;
        let role = found(role, &["NoSuchEntity", "NoSuchEntityException"], "reading a role")?;
        Ok(role.and_then(|role| role.role).map(|role| role.create_date.secs()))
    }

    /// Reads who may assume a role; `None` when there is no such role.
    pub async fn trust(&self, role: &str, doing: &str) -> Result<Option<String>, Error> {
        let role = self.iam.get_role().role_name(role).send().await;
        let role = found(role, &["NoSuchEntity", "NoSuchEntityException"], doing)?;
        Ok(role.and_then(|role| role.role).and_then(|role| role.assume_role_policy_document))
    }
}
