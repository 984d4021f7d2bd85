//! Inventory: everything that belongs to the stack, written down before anything is touched. Once the stack is
//! gone, a leftover that nobody listed cannot be found again.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Context, Entry, Fate, Run, StackRef, StepError,
    clients::{done, found},
    evidence::Kind,
};
use crate::input::hex;

pub(super) const FUNCTION: &str = "AWS::Lambda::Function";
pub(super) const LOG_GROUP: &str = "AWS::Logs::LogGroup";
pub(super) const TABLE: &str = "AWS::DynamoDB::Table";
pub(super) const BUCKET: &str = "AWS::S3::Bucket";
pub(super) const ROLE: &str = "AWS::IAM::Role";
pub(super) const REST_API: &str = "AWS::ApiGateway::RestApi";
pub(super) const API_ACCOUNT: &str = "AWS::ApiGateway::Account";
/// What API Gateway's log groups begin with, before the API's id.
pub(super) const EXECUTION_LOGS: &str = "API-Gateway-Execution-Logs_";
/// Not a resource of the stack: a file of it in the bootstrap bucket.
const ASSET: &str = "Asset";

impl Context<'_> {
    pub(super) async fn inventory(&self, mut run: Run) -> Result<Run, StepError> {
        let stack = run.stack()?.clone();
        let template = self.template(&stack).await?;
        let mut entries = self.resources(&stack, &template).await?;
        entries.extend(self.unlisted(&entries).await?);
        entries.extend(assets(&template));
        // What an earlier run saw stays on the list: it may have deleted some of it since.
        let first = if super::Request::parse(&run.request, self.settings)?.dry_run {
            self.recall(&stack.id, Kind::Inventory).await?.unwrap_or_default()
        } else {
            self.remember(&stack.id, Kind::Inventory, &entries).await?
        };
        let known: BTreeSet<_> = entries.iter().map(|entry| entry.physical_id.clone()).collect();
        entries.extend(first.into_iter().filter(|entry: &Entry| !known.contains(&entry.physical_id)));
        run.inventory_hash = Some(hash(&entries));
        run.inventory = entries;
        Ok(run)
    }

    /// The template as JSON: CDK writes it so. `Null` for one that is not.
    async fn template(&self, stack: &StackRef) -> Result<Value, StepError> {
        let aws = self.aws;
        let got = aws.cloudformation.get_template().stack_name(&stack.id).send().await;
        // A stack in review has none.
        let got = found(got, &["ValidationError"], "reading the template")?;
        let body = got.and_then(|got| got.template_body).unwrap_or_default();
        Ok(serde_json::from_str(&body).unwrap_or_default())
    }

    async fn resources(&self, stack: &StackRef, template: &Value) -> Result<Vec<Entry>, StepError> {
        let aws = self.aws;
        let (mut entries, mut listed, mut next) = (Vec::new(), 0, None);
        loop {
            let page = aws.cloudformation.list_stack_resources().stack_name(&stack.id).set_next_token(next);
            let page = done(page.send().await, "listing the stack's resources")?;
            for resource in page.stack_resource_summaries() {
                listed += 1;
                let status = resource.resource_status().map(|status| status.as_str().to_owned());
                let physical_id = resource.physical_resource_id().unwrap_or_default();
                if physical_id.is_empty() || status.as_deref() == Some("DELETE_COMPLETE") {
                    continue;
                }
                let logical_id = resource.logical_resource_id().unwrap_or_default();
                entries.push(entry(
                    resource.resource_type().unwrap_or_default(),
                    logical_id,
                    physical_id,
                    template,
                ));
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        if listed == 0 && stack.status != "REVIEW_IN_PROGRESS" {
            // A stack that was ever made lists its resources, even deleted ones.
            return Err(StepError::Transient("CloudFormation listed no resource".to_owned()));
        }
        Ok(entries)
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
        let aws = self.aws;
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            let page = aws.logs.describe_log_groups().log_group_name_prefix(prefix).set_next_token(next);
            let page = done(page.send().await, "listing log groups")?;
            names.extend(
                page.log_groups().iter().filter_map(|group| group.log_group_name()).map(str::to_owned),
            );
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(names);
            }
        }
    }
}

fn entry(kind: &str, logical_id: &str, physical_id: &str, template: &Value) -> Entry {
    let policy = template["Resources"][logical_id]["DeletionPolicy"].as_str();
    let (fate, why) = match policy {
        // The only role that is retained, and the setting that names it.
        Some("Retain") if [ROLE, API_ACCOUNT].contains(&kind) => (
            Fate::Keep,
            "API Gateway's logging for the whole account; removed at the end if no API is left".to_owned(),
        ),
        Some(policy @ ("Retain" | "Snapshot")) => {
            (Fate::Keep, format!("DeletionPolicy {policy} in the template"))
        }
        _ => (Fate::Delete, "in the stack".to_owned()),
    };
    Entry {
        kind: kind.to_owned(),
        logical_id: logical_id.to_owned(),
        physical_id: physical_id.to_owned(),
        fate,
        why,
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
    hex(&Sha256::digest(lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_template_says_what_stays() {
        let template = json!({"Resources": {
            "Log": {"Type": LOG_GROUP, "DeletionPolicy": "Retain"},
            "Fn": {"Type": FUNCTION, "Properties": {"Code": {"S3Bucket": "b", "S3Key": "abc.zip"}}},
        }});
        assert_eq!(entry(LOG_GROUP, "Log", "/a", &template).fate, Fate::Keep);
        assert_eq!(entry(FUNCTION, "Fn", "f", &template).fate, Fate::Delete);
        assert_eq!(assets(&template)[0].physical_id, "abc.zip");
    }

    #[test]
    fn the_hash_knows_fates_and_not_order() {
        let one = entry(TABLE, "T", "t", &Value::Null);
        let two = entry(FUNCTION, "F", "f", &Value::Null);
        assert_eq!(hash(&[one.clone(), two.clone()]), hash(&[two.clone(), one.clone()]));
        let kept = Entry { fate: Fate::Keep, ..one };
        assert_ne!(hash(&[kept, two.clone()]), hash(&[entry(TABLE, "T", "t", &Value::Null), two]));
    }
}
