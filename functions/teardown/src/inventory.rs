//! Inventory: everything that belongs to the stack, written down before anything is touched. Once the stack is
//! gone, a leftover that nobody listed cannot be found again.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_cloudwatchlogs::types::LogGroup;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Context, Entry, Fate, Run, StackRef, StepError,
    clients::{done, found},
    evidence::Kind,
};

pub(super) const FUNCTION: &str = "AWS::Lambda::Function";
pub(super) const LOG_GROUP: &str = "AWS::Logs::LogGroup";
pub(super) const TABLE: &str = "AWS::DynamoDB::Table";
pub(super) const BUCKET: &str = "AWS::S3::Bucket";
pub(super) const ROLE: &str = "AWS::IAM::Role";
pub(super) const REST_API: &str = "AWS::ApiGateway::RestApi";
const API_ACCOUNT: &str = "AWS::ApiGateway::Account";
/// What the logical id of the role begins with that [`API_ACCOUNT`] names.
const API_ACCOUNT_ROLE: &str = "ApiCloudWatchRole";
/// Stacks deployed by an earlier version of the service retain both.
const ACCOUNT_WHY: &str =
    "API Gateway's logging is a setting of the whole account, which no teardown touches";
/// What API Gateway's log groups begin with, before the API's id.
pub(super) const EXECUTION_LOGS: &str = "API-Gateway-Execution-Logs_";
/// The status of a stack that was never created: a change set waits to create it.
pub(super) const IN_REVIEW: &str = "REVIEW_IN_PROGRESS";
/// Not a resource of the stack: a file of it in the bootstrap bucket.
const ASSET: &str = "Asset";
/// Not a resource of the stack: what `DynamoDB` makes when a table with point-in-time recovery is deleted ("Delete a table with PITR
/// enabled").
const SYSTEM_BACKUP: &str = "SystemBackup";
pub(super) const SYSTEM_BACKUP_WHY: &str =
    "DynamoDB makes it when it deletes a table with point-in-time recovery, and removes it after 35 days";

impl Context<'_> {
    pub(super) async fn inventory(&self, mut run: Run) -> Result<Run, StepError> {
        let stack = run.stack()?.clone();
        let template = self.template(&stack).await?;
        let mut entries = self.resources(&stack, template.as_ref()).await?;
        entries.extend(self.unlisted(&entries).await?);
        entries.extend(template.iter().flat_map(assets));
        // What an earlier run saw stays on the list, which only grows: some of it may have been deleted since.
        let earlier: Vec<Entry> = self.recall(&stack.id, Kind::Inventory).await?.unwrap_or_default();
        let known: BTreeSet<_> = entries.iter().map(|entry| entry.physical_id.clone()).collect();
        entries.extend(earlier.into_iter().filter(|entry| !known.contains(&entry.physical_id)));
        if !crate::Request::parse(&run.request, self.settings)?.dry_run {
            self.remember_anew(&stack.id, Kind::Inventory, &entries).await?;
        }
        run.inventory_hash = Some(hash(&entries));
        run.inventory = entries;
        Ok(run)
    }

    /// The template, which says what is retained; `None` for one that is not JSON (a deployment by hand may send YAML), or
    /// none at all, as of a stack in review ("GetTemplate": the body is the text as it was sent).
    async fn template(&self, stack: &StackRef) -> Result<Option<Value>, StepError> {
        let aws = self.aws;
        let got = aws.cloudformation.get_template().stack_name(&stack.id).send().await;
        let got = found(got, &["ValidationError"], "reading the template")?;
        let body = got.and_then(|got| got.template_body).unwrap_or_default();
        Ok(serde_json::from_str(&body).ok())
    }

    async fn resources(&self, stack: &StackRef, template: Option<&Value>) -> Result<Vec<Entry>, StepError> {
        let listed = self.listed(&stack.id).await?;
        if listed.is_empty() && stack.status != IN_REVIEW {
            // A stack that was ever made lists its resources, even deleted ones.
            return Err(StepError::Transient("CloudFormation listed no resource".to_owned()));
        }
        Ok(listed.iter().filter_map(living).map(|entry| judged(entry, template)).collect())
    }

    /// All resources of a stack, deleted ones too.
    pub(super) async fn listed(&self, stack_id: &str) -> Result<Vec<StackResourceSummary>, StepError> {
        let aws = self.aws;
        let (mut listed, mut next) = (Vec::new(), None);
        loop {
            let page = aws.cloudformation.list_stack_resources().stack_name(stack_id).set_next_token(next);
            let page = done(page.send().await, "listing the stack's resources")?;
            listed.extend(page.stack_resource_summaries.unwrap_or_default());
            next = page.next_token;
            if next.is_none() {
                return Ok(listed);
            }
        }
    }

    /// Refuses when an update came in between: the stack has what the plan has not, or retains no longer what was to stay.
    pub(super) async fn as_planned(&self, run: &Run) -> Result<(), StepError> {
        let stack = run.stack()?;
        let template = self.template(stack).await?;
        let now = self.resources(stack, template.as_ref()).await?;
        let planned = |entry: &Entry| run.inventory.iter().find(|old| old.physical_id == entry.physical_id);
        let differs = |entry: &&Entry| {
            planned(entry).is_none_or(|old| old.fate == Fate::Keep && entry.fate == Fate::Delete)
        };
        let changed: Vec<_> = now
            .iter()
            .filter(differs)
            .map(|entry| format!("{} ({})", entry.logical_id, entry.kind))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let changed = changed.join(", ");
        Err(StepError::Refused(format!(
            "the stack was updated since the plan was made, which lacks or keeps {changed}"
        )))
    }

    /// Log groups that services made by themselves, for what is in the stack.
    async fn unlisted(&self, entries: &[Entry]) -> Result<Vec<Entry>, StepError> {
        let listed =
            |name: &String| entries.iter().any(|entry| entry.kind == LOG_GROUP && entry.physical_id == *name);
        let entry = |name| Entry {
            kind: LOG_GROUP.to_owned(),
            logical_id: String::new(),
            physical_id: name,
            fate: Fate::Delete,
            why: "made by AWS for a resource of the stack".to_owned(),
        };
        let names = self.implicit_log_groups(entries).await?;
        Ok(names.into_iter().filter(|name| !listed(name)).map(entry).collect())
    }

    /// The log groups that Lambda and API Gateway made because none was named, or made again when late.
    pub(super) async fn implicit_log_groups(&self, entries: &[Entry]) -> Result<Vec<String>, StepError> {
        let mut names = Vec::new();
        for entry in entries {
            match entry.kind.as_str() {
                FUNCTION => {
                    let own = format!("/aws/lambda/{}", entry.physical_id);
                    // A group whose name only begins so is another function's.
                    names.extend(self.log_groups(&own).await?.into_iter().filter(|name| *name == own));
                }
                // One for each stage.
                REST_API => {
                    let prefix = format!("{EXECUTION_LOGS}{}/", entry.physical_id);
                    names.extend(self.log_groups(&prefix).await?);
                }
                _ => {}
            }
        }
        Ok(names)
    }

    /// The names of the log groups that begin with `prefix`.
    pub(super) async fn log_groups(&self, prefix: &str) -> Result<Vec<String>, StepError> {
        let groups = self.described_log_groups(prefix).await?;
        Ok(groups.into_iter().filter_map(|group| group.log_group_name).collect())
    }

    /// The log groups of the stack that are to be deleted and are protected from it. They share the audit log's folder.
    pub(super) async fn protected_log_groups(&self, run: &Run) -> Result<BTreeSet<String>, StepError> {
        let audit_log = run.stack()?.audit_log();
        let folder = audit_log.trim_end_matches("audit");
        let doomed = |name: &String| run.doomed(LOG_GROUP).any(|group| group.physical_id == *name);
        let groups = self.described_log_groups(folder).await?.into_iter();
        let protected = groups.filter(|group| group.deletion_protection_enabled.unwrap_or_default());
        Ok(protected.filter_map(|group| group.log_group_name).filter(doomed).collect())
    }

    async fn described_log_groups(&self, prefix: &str) -> Result<Vec<LogGroup>, StepError> {
        let aws = self.aws;
        let (mut groups, mut next) = (Vec::new(), None);
        loop {
            let page = aws.logs.describe_log_groups().log_group_name_prefix(prefix).set_next_token(next);
            let page = done(page.send().await, "listing log groups")?;
            next = page.next_token;
            groups.extend(page.log_groups.unwrap_or_default());
            if next.is_none() {
                return Ok(groups);
            }
        }
    }
}

/// What is there of a stack's list.
fn living(resource: &StackResourceSummary) -> Option<Entry> {
    let deleted = resource.resource_status().is_some_and(|status| status.as_str() == "DELETE_COMPLETE");
    Some(entry(resource)).filter(|entry| !deleted && !entry.physical_id.is_empty())
}

pub(super) fn entry(resource: &StackResourceSummary) -> Entry {
    Entry {
        kind: resource.resource_type().unwrap_or_default().to_owned(),
        logical_id: resource.logical_resource_id().unwrap_or_default().to_owned(),
        physical_id: resource.physical_resource_id().unwrap_or_default().to_owned(),
        fate: Fate::Delete,
        why: "in the stack".to_owned(),
    }
}

/// As the template has it: with the stack, or retained. Without a template nothing is swept that may be retained:
/// CloudFormation knows, and what it deletes is gone.
fn judged(entry: Entry, template: Option<&Value>) -> Entry {
    let (kind, logical_id) = (entry.kind.as_str(), entry.logical_id.as_str());
    let account = kind == API_ACCOUNT || (kind == ROLE && logical_id.starts_with(API_ACCOUNT_ROLE));
    let why = match template.map(|template| template["Resources"][logical_id]["DeletionPolicy"].as_str()) {
        _ if kind == API_ACCOUNT => ACCOUNT_WHY.to_owned(),
        None if account || kind == LOG_GROUP => {
            "perhaps retained: the stack's template is not JSON, so that only CloudFormation knows".to_owned()
        }
        Some(Some("Retain")) if account => ACCOUNT_WHY.to_owned(),
        Some(Some(policy @ ("Retain" | "Snapshot"))) => format!("DeletionPolicy {policy} in the template"),
        _ => return entry,
    };
    Entry { fate: Fate::Keep, why, ..entry }
}

/// The backup that this table's deletion leaves behind.
pub(super) fn system_backup(table: &str) -> Entry {
    Entry {
        kind: SYSTEM_BACKUP.to_owned(),
        logical_id: String::new(),
        physical_id: format!("{table}$DeletedTableBackup"),
        fate: Fate::Keep,
        why: SYSTEM_BACKUP_WHY.to_owned(),
    }
}

/// The code of the functions, which other stacks may share: it lies in the bootstrap's bucket, and the bootstrap
/// is never touched.
fn assets(template: &Value) -> Vec<Entry> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let key = |(_, resource): (&String, &Value)| {
        resource["Properties"]["Code"]["S3Key"].as_str().map(str::to_owned)
    };
    let entry = |key: String| Entry {
        kind: ASSET.to_owned(),
        logical_id: String::new(),
        physical_id: key,
        fate: Fate::Keep,
        why: "in the bootstrap bucket, maybe shared; `cdk gc` removes what nothing uses".to_owned(),
    };
    resources.filter_map(key).map(entry).collect()
}

/// SHA-256, in hex, over what and with what fate: the same stack and request give the same.
pub(super) fn hash(entries: &[Entry]) -> String {
    let mut lines: Vec<_> = entries
        .iter()
        .map(|e| format!("{:?} {} {} {}", e.fate, e.kind, e.logical_id, e.physical_id))
        .collect();
    lines.sort();
    hex::encode(Sha256::digest(lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn in_stack(kind: &str, logical_id: &str) -> Entry {
        let resource = StackResourceSummary::builder().resource_type(kind).logical_resource_id(logical_id);
        entry(&resource.physical_resource_id(logical_id.to_lowercase()).build())
    }

    #[test]
    fn the_template_says_what_stays() {
        let template = json!({"Resources": {
            "Log": {"Type": LOG_GROUP, "DeletionPolicy": "Retain"},
            "Fn": {"Type": FUNCTION, "Properties": {"Code": {"S3Bucket": "b", "S3Key": "abc.zip"}}},
        }});
        assert_eq!(judged(in_stack(LOG_GROUP, "Log"), Some(&template)).fate, Fate::Keep);
        assert_eq!(judged(in_stack(FUNCTION, "Fn"), Some(&template)).fate, Fate::Delete);
        // A setting cannot be deleted, whatever the template says.
        assert_eq!(judged(in_stack(API_ACCOUNT, "ApiAccount"), Some(&template)).fate, Fate::Keep);
        assert_eq!(assets(&template)[0].physical_id, "abc.zip");
    }

    #[test]
    fn without_a_template_what_may_be_retained_is_not_swept() {
        let fate = |kind, logical_id| judged(in_stack(kind, logical_id), None).fate;
        for (kind, logical_id) in
            [(LOG_GROUP, "AuditLog"), (API_ACCOUNT, "ApiAccount"), (ROLE, "ApiCloudWatchRoleCCA5")]
        {
            assert_eq!(fate(kind, logical_id), Fate::Keep, "{logical_id}");
        }
        for (kind, logical_id) in [(TABLE, "Tasks"), (ROLE, "AuditFunctionRole"), (BUCKET, "AuditFailures")] {
            assert_eq!(fate(kind, logical_id), Fate::Delete, "{logical_id}");
        }
    }

    #[test]
    fn the_hash_knows_fates_and_not_order() {
        let (one, two) = (in_stack(TABLE, "T"), in_stack(FUNCTION, "F"));
        assert_eq!(hash(&[one.clone(), two.clone()]), hash(&[two.clone(), one.clone()]));
        let kept = Entry { fate: Fate::Keep, ..one.clone() };
        assert_ne!(hash(&[kept, two.clone()]), hash(&[one, two]));
    }
}
