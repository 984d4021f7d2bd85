//! Tables.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    BackupSummary, PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, TableDescription, TableStatus,
};

use super::{Clients, found};
use crate::Error;

const GONE: &[&str] = &["ResourceNotFoundException"];
const NO_TABLE: &[&str] = &["TableNotFoundException", "ResourceNotFoundException"];
/// The number of looks at a table's update, and the pause between them, before the state machine tries again.
const LOOKS: u32 = 60;
const LOOK: Duration = Duration::from_millis(500);

impl Clients {
    /// Describes a table; `None` when there is none.
    pub async fn table(&self, name: &str) -> Result<Option<TableDescription>, Error> {
        let described = self.dynamodb.describe_table().table_name(name).send().await;
        Ok(found(described, GONE, "reading the table")?.and_then(|described| described.table))
    }

    /// Waits until a table is not being updated: it could not be deleted.
    pub async fn table_settles(&self, name: &str) -> Result<(), Error> {
        for _ in 0..LOOKS {
            let status = self.table(name).await?.and_then(|table| table.table_status);
            if status.is_none_or(|status| status != TableStatus::Updating) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Error::Transient(format!("the table {name} is still being updated")))
    }

    /// Sets a table's deletion protection. A table that is absent needs none.
    pub async fn set_table_protection(&self, table: &str, on: bool) -> Result<(), Error> {
        let update = self.dynamodb.update_table().table_name(table).deletion_protection_enabled(on);
        found(update.send().await, GONE, "setting the table's deletion protection").map(drop)
    }

    /// Lists the on-demand backups of a table, which may be gone.
    pub async fn backups(&self, table: &str) -> Result<Vec<BackupSummary>, Error> {
        let listed = self.dynamodb.list_backups().table_name(table).send().await;
        let listed = found(listed, NO_TABLE, "listing backups")?;
        Ok(listed.and_then(|listed| listed.backup_summaries).unwrap_or_default())
    }

    /// Tells whether a table has point-in-time recovery.
    pub async fn is_recoverable(&self, table: &str) -> Result<bool, Error> {
        let described = self.dynamodb.describe_continuous_backups().table_name(table).send().await;
        let described = found(described, NO_TABLE, "reading the table's point-in-time recovery")?;
        let status = described
            .and_then(|described| described.continuous_backups_description)
            .and_then(|backups| backups.point_in_time_recovery_description)
            .and_then(|recovery| recovery.point_in_time_recovery_status);
        Ok(status.is_some_and(|status| status == PointInTimeRecoveryStatus::Enabled))
    }

    /// Sets point-in-time recovery. It begins from nothing when it is switched on again.
    pub async fn set_recovery(&self, table: &str, on: bool) -> Result<(), Error> {
        let recovery = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(on).build();
        let recovery = recovery.map_err(|error| Error::Failed(error.to_string()))?;
        let update = self.dynamodb.update_continuous_backups().table_name(table);
        let update = update.point_in_time_recovery_specification(recovery).send().await;
        found(update, NO_TABLE, "setting the table's point-in-time recovery").map(drop)
    }
}
