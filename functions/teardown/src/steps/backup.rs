//! Backup: an on-demand backup of the table of tasks, which outlives it.

use contract::{Evidence, Noted, Run, limits::BACKUP_SECONDS};
use sha2::{Digest, Sha256};
use stacks::found;

use crate::{Context, StepError, things::task_table};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    if !run.request.backup {
        return Ok(run);
    }
    let Some(table) = task_table(&run).map(|table| table.physical_id.clone()) else {
        return Ok(run);
    };
    let arn = match &run.backup_arn {
        Some(arn) => arn.clone(),
        None => match start(context, &run, &table).await? {
            Some(arn) => arn,
            None => return Ok(run),
        },
    };
    let described = context.aws.dynamodb.describe_backup().backup_arn(&arn).send().await;
    let Some(described) = found(described, &["BackupNotFoundException"], "reading the backup")? else {
        // Somebody deleted it: the next call makes another.
        if run.expired(context.now.unix_seconds(), BACKUP_SECONDS) {
            return Err(StepError::Failed(format!("the backup {arn} is not there")));
        }
        context.forget(&run.stack()?.id, Evidence::Backup).await?;
        (run.backup_arn, run.again) = (None, true);
        return Ok(run);
    };
    run.backup_arn = Some(arn.clone());
    let details = described.backup_description.and_then(|b| b.backup_details);
    match details.as_ref().map(|details| details.backup_status().as_str()) {
        Some("AVAILABLE") => {
            run.deadline = None;
            run.keep(Noted::backup(&arn, "taken before the deletion (backup)"));
        }
        Some("CREATING") if !run.expired(context.now.unix_seconds(), BACKUP_SECONDS) => run.again = true,
        other => {
            return Err(StepError::Failed(format!("the backup {arn} is {}", other.unwrap_or("unknown"))));
        }
    }
    Ok(run)
}

/// Returns the backup's ARN; `None` when there is no table. Its name is this execution's and this freeze's own, so that
/// a second try finds what the first began, and never a backup that is older than the freeze.
async fn start(context: &Context<'_>, run: &Run, table: &str) -> Result<Option<String>, StepError> {
    let (dynamodb, stack) = (&context.aws.dynamodb, run.stack()?);
    if let Some(arn) = context.recall::<String>(&stack.id, Evidence::Backup).await? {
        return Ok(Some(arn));
    }
    let freeze = format!("{} {}", context.execution, run.freezes());
    let name = format!("{}-{}", stack.name, &hex::encode(Sha256::digest(freeze))[..16]);
    let listed = context.aws.backups(table).await?;
    let begun =
        listed.into_iter().find(|backup| backup.backup_name() == Some(&name)).and_then(|b| b.backup_arn);
    let arn = if let Some(arn) = begun {
        arn
    } else {
        let created = dynamodb.create_backup().table_name(table).backup_name(name).send().await;
        let created = found(created, &["TableNotFoundException"], "backing the table up")?;
        let Some(details) = created.and_then(|created| created.backup_details) else { return Ok(None) };
        details.backup_arn
    };
    context.remember(&stack.id, Evidence::Backup, &arn).await.map(Some)
}
