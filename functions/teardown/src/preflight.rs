//! Preflight: what would stop the deletion, found by reading alone. Plan: what will be done, for a person to read.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::PointInTimeRecoveryStatus;

use crate::{
    Context, Fate, Outcome, Request, Run, StepError,
    clients::found,
    evidence::Kind,
    freeze::Unprotected,
    inventory::{BUCKET, LOG_GROUP, TABLE, hash, system_backup},
};

impl Context<'_> {
    pub(super) async fn preflight(&self, mut run: Run) -> Result<Run, StepError> {
        let request = Request::parse(&run.request, self.settings)?;
        if request.system_backup {
            let tables = self.recoverable_tables(&run).await?;
            run.inventory.extend(tables.iter().map(|table| system_backup(table)));
        }
        run.decide_fates(&request)?;
        let mut blockers = self.importers(&run).await?;
        blockers.extend(self.executor().await?);
        // A protection that a stopped run lifted counts: its consent was for that run.
        let lifted: Unprotected = self.recall(&run.stack()?.id, Kind::Unprotect).await?.unwrap_or_default();
        let termination = run.stack()?.termination_protected || lifted.termination;
        if termination && !request.override_termination_protection {
            blockers.push(
                "the stack has termination protection: consent with overrideTerminationProtection".to_owned(),
            );
        }
        let mut tables = self.protected_tables(&run).await?;
        tables.extend(
            lifted.tables.into_iter().filter(|lifted| run.doomed(TABLE).any(|t| t.physical_id == *lifted)),
        );
        for table in tables.iter().filter(|_| !request.delete_data) {
            blockers.push(format!("the table {table} has deletion protection: consent with deleteData"));
        }
        let mut groups = self.protected_log_groups(&run).await?;
        groups.extend(
            lifted
                .log_groups
                .into_iter()
                .filter(|g| run.doomed(LOG_GROUP).any(|group| group.physical_id == *g)),
        );
        for group in groups.iter().filter(|_| !request.override_log_protection) {
            blockers.push(format!(
                "the log group {group} has deletion protection: consent with overrideLogProtection"
            ));
        }
        for bucket in self.filled_buckets(&run).await?.iter().filter(|_| !request.empty_buckets) {
            blockers.push(format!("the bucket {bucket} is not empty: consent with emptyBuckets"));
        }
        run.blockers = blockers;
        Ok(run)
    }

    /// Stacks that import what this one exports: CloudFormation would refuse.
    async fn importers(&self, run: &Run) -> Result<Vec<String>, StepError> {
        let aws = self.aws;
        let Some(stack) = self.describe(&run.stack()?.id).await? else { return Ok(Vec::new()) };
        let mut blockers = Vec::new();
        for export in stack.outputs().iter().filter_map(|output| output.export_name()) {
            let imports = aws.cloudformation.list_imports().export_name(export).send().await;
            // "Export … is not imported by any stack" is an error, not an empty list ("ListImports").
            let imports = found(imports, &["ValidationError"], "asking who imports")?;
            let importers = imports.and_then(|imports| imports.imports).unwrap_or_default();
            if !importers.is_empty() {
                blockers.push(format!("the export {export} is in use by {}", importers.join(", ")));
            }
        }
        Ok(blockers)
    }

    /// Whether CloudFormation can assume the executor. Its trust is read: trying would need a deletion.
    async fn executor(&self) -> Result<Option<String>, StepError> {
        let aws = self.aws;
        let arn = &self.settings.executor_role_arn;
        let name = arn.rsplit('/').next().unwrap_or_default();
        let role = aws.iam.get_role().role_name(name).send().await;
        let role = found(role, &["NoSuchEntity", "NoSuchEntityException"], "reading the executor role")?;
        let trust = role.and_then(|role| role.role).and_then(|role| role.assume_role_policy_document);
        Ok(match trust {
            None => Some(format!("the executor role {arn} does not exist: deploy the teardown stack again")),
            Some(trust) if !trust.contains("cloudformation.amazonaws.com") => Some(format!(
                "CloudFormation may not assume the executor role {arn}: deploy the teardown stack again"
            )),
            Some(_) => None,
        })
    }

    /// CloudFormation deletes no bucket that holds anything, and would say so when half the stack is gone.
    async fn filled_buckets(&self, run: &Run) -> Result<Vec<String>, StepError> {
        let aws = self.aws;
        let mut filled = Vec::new();
        for bucket in run.doomed(BUCKET) {
            let name = &bucket.physical_id;
            let page = aws.s3.list_object_versions().bucket(name).max_keys(1).send().await;
            let page = found(page, &["NoSuchBucket"], "looking into the bucket")?;
            if page.is_some_and(|page| !page.versions().is_empty() || !page.delete_markers().is_empty()) {
                filled.push(name.clone());
            }
        }
        Ok(filled)
    }

    pub(super) async fn protected_tables(&self, run: &Run) -> Result<BTreeSet<String>, StepError> {
        let aws = self.aws;
        let mut protected = BTreeSet::new();
        for table in run.doomed(TABLE) {
            let name = &table.physical_id;
            let described = aws.dynamodb.describe_table().table_name(name).send().await;
            let described = found(described, &["ResourceNotFoundException"], "reading the table")?;
            let table = described.and_then(|described| described.table);
            if table.and_then(|table| table.deletion_protection_enabled).unwrap_or_default() {
                protected.insert(name.clone());
            }
        }
        Ok(protected)
    }

    /// The tables whose deletion would leave a system backup.
    pub(super) async fn recoverable_tables(&self, run: &Run) -> Result<BTreeSet<String>, StepError> {
        let aws = self.aws;
        let absent = &["TableNotFoundException", "ResourceNotFoundException"];
        let mut recoverable = BTreeSet::new();
        for table in run.doomed(TABLE) {
            let name = &table.physical_id;
            let described = aws.dynamodb.describe_continuous_backups().table_name(name).send().await;
            let described = found(described, absent, "reading the table's point-in-time recovery")?;
            let recovery = described
                .and_then(|described| described.continuous_backups_description)
                .and_then(|backups| backups.point_in_time_recovery_description)
                .and_then(|recovery| recovery.point_in_time_recovery_status);
            if recovery.is_some_and(|status| status == PointInTimeRecoveryStatus::Enabled) {
                recoverable.insert(name.clone());
            }
        }
        Ok(recoverable)
    }

    /// The plan is the inventory with its fates: deletion reads nothing else.
    pub(super) fn plan(&self, mut run: Run) -> Result<Run, StepError> {
        let request = Request::parse(&run.request, self.settings)?;
        let plan_hash = hash(&run.inventory);
        let expected = request.plan_hash.as_ref().filter(|expected| **expected != plan_hash).cloned();
        run.plan_hash = Some(plan_hash.clone());
        if request.dry_run {
            run.outcome = Some(Outcome::Planned);
            return Ok(run);
        }
        if let Some(expected) = expected {
            return Err(StepError::Refused(format!(
                "the plan is now {plan_hash}, not {expected}: read it again"
            )));
        }
        if !run.blockers.is_empty() {
            return Err(StepError::Refused(run.blockers.join("; ")));
        }
        Ok(run)
    }
}

impl Run {
    /// The audit log stays or goes as the request says; the template may have CloudFormation delete it anyway. What
    /// stays is noted.
    pub(super) fn decide_fates(&mut self, request: &Request) -> Result<(), StepError> {
        let audit_log = self.stack()?.audit_log();
        for entry in self.inventory.iter_mut().filter(|e| e.kind == LOG_GROUP && e.physical_id == audit_log) {
            (entry.fate, entry.why) = match (request.keep_audit_log, entry.fate) {
                (true, Fate::Keep) => {
                    (Fate::Keep, "the audit log outlives the service (keepAuditLog)".to_owned())
                }
                (true, _) => {
                    (Fate::Delete, "the template deletes the audit log (retainAuditLog=false)".to_owned())
                }
                (false, _) => (Fate::Delete, "the audit log goes too (keepAuditLog is false)".to_owned()),
            };
        }
        for entry in self.inventory.clone().iter().filter(|entry| entry.fate == Fate::Keep) {
            self.keep(format!("{} {}", entry.kind, entry.physical_id), entry.why.clone());
        }
        Ok(())
    }
}
