//! Backup: an on-demand backup of the table, which outlives it.

use sha2::{Digest, Sha256};

use crate::{
    Context, Request, Run, StepError,
    clients::{done, found},
    evidence::Kind,
    inventory::TABLE,
};

/// How long a backup may take, in seconds: on AWS it is a matter of seconds whatever the table's size.
const BACKUP_SECONDS: i64 = 3_600;
/// A backup surely has what was written more than a minute before it was asked for, and no later write for sure ("Backup and
/// restore for DynamoDB": on-demand backups do not support causal consistency). A quarter of a minute more, because clocks differ.
pub(super) const BACKUP_LAG_MILLIS: i64 = 75_000;

impl Context<'_> {
    pub(super) async fn backup(&self, mut run: Run) -> Result<Run, StepError> {
        if !Request::parse(&run.request, self.settings)?.backup {
            return Ok(run);
        }
        let Some(table) = run.doomed(TABLE).next().map(|table| table.physical_id.clone()) else {
            return Ok(run);
        };
        let arn = match &run.backup_arn {
            Some(arn) => arn.clone(),
            None => match self.start_backup(&run, &table).await? {
                Some(arn) => arn,
                None => return Ok(run),
            },
        };
        run.backup_arn = Some(arn.clone());
        let aws = self.aws;
        let described = aws.dynamodb.describe_backup().backup_arn(&arn).send().await;
        let details =
            done(described, "reading the backup")?.backup_description.and_then(|b| b.backup_details);
        match details.as_ref().map(|details| details.backup_status().as_str()) {
            Some("AVAILABLE") => {
                run.deadline = None;
                run.keep(format!("backup {arn}"), "taken before the deletion (backup)");
            }
            Some("CREATING") if !run.expired(self.now, BACKUP_SECONDS) => run.again = true,
            other => {
                return Err(StepError::Failed(format!("the backup {arn} is {}", other.unwrap_or("unknown"))));
            }
        }
        Ok(run)
    }

    /// The backup's ARN; `None` when there is no table. Its name is this execution's and this freeze's own, so that
    /// a second try finds what the first began, and never a backup that is older than the freeze.
    async fn start_backup(&self, run: &Run, table: &str) -> Result<Option<String>, StepError> {
        let aws = self.aws;
        let stack = run.stack()?;
        if let Some(arn) = self.recall::<String>(&stack.id, Kind::Backup).await? {
            return Ok(Some(arn));
        }
        let freeze = format!("{} {}", self.execution, run.freezes());
        let name = format!("{}-{}", stack.name, &hex::encode(Sha256::digest(freeze))[..16]);
        let listed = aws.dynamodb.list_backups().table_name(table).send().await;
        let listed = done(listed, "listing backups")?.backup_summaries.unwrap_or_default();
        let begun =
            listed.into_iter().find(|backup| backup.backup_name() == Some(&name)).and_then(|b| b.backup_arn);
        let arn = if let Some(arn) = begun {
            arn
        } else {
            let created = aws.dynamodb.create_backup().table_name(table).backup_name(name).send().await;
            let created = found(created, &["TableNotFoundException"], "backing the table up")?;
            let Some(details) = created.and_then(|created| created.backup_details) else { return Ok(None) };
            details.backup_arn
        };
        self.remember(&stack.id, Kind::Backup, &arn).await.map(Some)
    }
}
