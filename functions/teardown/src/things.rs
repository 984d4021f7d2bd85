//! The service's own things, and its own reasons: beside what `stacks::inventory` finds in any stack.

use contract::{Planned, PlannedFate, Run, StackRef};
use serde_json::Value;
use stacks::{inventory, types};

use crate::{Context, StepError};

/// The beginning of the logical id of the role that [`types::API_ACCOUNT`] names.
const API_ACCOUNT_ROLE: &str = "ApiCloudWatchRole";
/// Stacks deployed by an earlier version of the service retain both.
const ACCOUNT_WHY: &str =
    "API Gateway's logging is a setting of the whole account, which no teardown touches";
/// The beginning of the logical id of the table of intents, which holds no task.
const INTENTS: &str = "SealIntents";
/// The beginning of the logical id of the bucket of checkpoints, which is retained.
const SEAL_BUCKET: &str = "SealBucket";
/// The same of everything that belongs to the audit log's seal.
const SEAL: &str = "Seal";
const SEAL_WHY: &str =
    "the audit log is verified with it; docs/teardown.md (\"What stays, and why\") says how to remove it";
/// Not a resource of the stack: a file of it in the bootstrap bucket.
const ASSET: &str = "Asset";
/// Not a resource of the stack: what `DynamoDB` makes when a table with point-in-time recovery is deleted ("Delete a table with PITR
/// enabled").
const SYSTEM_BACKUP: &str = "SystemBackup";
pub const SYSTEM_BACKUP_WHY: &str =
    "DynamoDB makes it when it deletes a table with point-in-time recovery, and removes it after 35 days";

/// Lists the resources that are there, with the fate that the template gives them and the service's own reasons.
pub async fn resources(
    context: &Context<'_>,
    stack: &StackRef,
    template: Option<&Value>,
) -> Result<Vec<Planned>, StepError> {
    let listed = inventory::resources(context.aws, stack, template).await?;
    Ok(listed.into_iter().map(|entry| explained(entry, template)).collect())
}

/// Gives an entry the fate that is the service's own rule, or its own reason for the fate that the template sets.
fn explained(entry: Planned, template: Option<&Value>) -> Planned {
    let (kind, logical_id) = (entry.kind.as_str(), entry.logical_id.as_str());
    let account =
        kind == types::API_ACCOUNT || (kind == types::ROLE && logical_id.starts_with(API_ACCOUNT_ROLE));
    let why = match template.map(|template| inventory::deletion_policy(template, logical_id)) {
        _ if kind == types::API_ACCOUNT => ACCOUNT_WHY,
        None if account || retained_by_us(kind, logical_id) => {
            "perhaps retained: the stack's template is not JSON, so that only CloudFormation knows"
        }
        Some(Some("Retain")) if account => ACCOUNT_WHY,
        Some(Some("Retain")) if logical_id.starts_with(SEAL) => SEAL_WHY,
        _ => return entry,
    };
    entry.with(PlannedFate::Keep, why.to_owned())
}

/// Tells whether the template of a service stack retains such a resource, or may.
fn retained_by_us(kind: &str, logical_id: &str) -> bool {
    kind == types::LOG_GROUP || kind == types::KEY || logical_id.starts_with(SEAL_BUCKET)
}

/// Returns the table of tasks: the one that has a stream to drain, and is worth a backup. Also one that stays is drained, since what
/// audits its changes goes.
pub fn task_table(run: &Run) -> Option<&Planned> {
    let there = |entry: &&Planned| entry.kind == types::TABLE && entry.fate != PlannedFate::Earlier;
    run.inventory.iter().filter(there).find(|table| !table.logical_id.starts_with(INTENTS))
}

/// Returns the backup that this table's deletion leaves behind.
pub fn system_backup(table: &str) -> Planned {
    inventory::unlisted(
        SYSTEM_BACKUP,
        format!("{table}$DeletedTableBackup"),
        PlannedFate::Keep,
        SYSTEM_BACKUP_WHY,
    )
}

/// Lists the code of the functions, which other stacks may share: it lies in the bootstrap's bucket, and the bootstrap
/// is never touched.
pub fn assets(template: &Value) -> Vec<Planned> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let key = |(_, resource): (&String, &Value)| {
        resource["Properties"]["Code"]["S3Key"].as_str().map(str::to_owned)
    };
    let why = "in the bootstrap bucket, maybe shared; `cdk gc` removes what nothing uses";
    resources.filter_map(key).map(|key| inventory::unlisted(ASSET, key, PlannedFate::Keep, why)).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::StackResourceSummary;
    use serde_json::json;

    use super::*;

    fn in_stack(kind: &str, logical_id: &str) -> Planned {
        let resource = StackResourceSummary::builder().resource_type(kind).logical_resource_id(logical_id);
        inventory::entry(&resource.physical_resource_id(logical_id.to_lowercase()).build())
    }

    #[test]
    fn the_seal_and_the_accounts_setting_stay_for_reasons_of_their_own() {
        let template = json!({"Resources": {
            "SealKey": {"Type": types::KEY, "DeletionPolicy": "Retain"},
            "SealIntents": {"Type": types::TABLE, "DeletionPolicy": "Delete"},
            "Fn": {"Type": types::FUNCTION, "Properties": {"Code": {"S3Bucket": "b", "S3Key": "abc.zip"}}},
        }});
        let fate = |kind, logical_id| explained(in_stack(kind, logical_id), Some(&template)).fate;
        assert_eq!(fate(types::FUNCTION, "Fn"), PlannedFate::Delete);
        assert_eq!(explained(in_stack(types::KEY, "SealKey"), Some(&template)).why, SEAL_WHY);
        assert_eq!(fate(types::TABLE, "SealIntents"), PlannedFate::Delete);
        // A setting cannot be deleted, whatever the template says.
        assert_eq!(fate(types::API_ACCOUNT, "ApiAccount"), PlannedFate::Keep);
        assert_eq!(assets(&template)[0].physical_id, "abc.zip");
    }

    #[test]
    fn the_table_of_tasks_is_not_that_of_intents() {
        let mut run =
            Run { inventory: vec![in_stack(types::TABLE, "SealIntents7E26EC6F")], ..Run::default() };
        assert_eq!(task_table(&run), None);
        run.inventory.push(in_stack(types::TABLE, "TasksTable45D1B62D"));
        assert_eq!(task_table(&run).unwrap().logical_id, "TasksTable45D1B62D");
    }

    #[test]
    fn without_a_template_what_may_be_retained_is_not_swept() {
        let fate = |kind, logical_id| explained(in_stack(kind, logical_id), None).fate;
        for (kind, logical_id) in [
            (types::LOG_GROUP, "AuditLog"),
            (types::API_ACCOUNT, "ApiAccount"),
            (types::ROLE, "ApiCloudWatchRoleCCA5"),
            (types::KEY, "SealKey"),
            (types::BUCKET, "SealBucket736744EF"),
            ("AWS::S3::BucketPolicy", "SealBucketPolicyA1"),
        ] {
            assert_eq!(fate(kind, logical_id), PlannedFate::Keep, "{logical_id}");
        }
        for (kind, logical_id) in
            [(types::TABLE, "Tasks"), (types::ROLE, "AuditFunctionRole"), (types::BUCKET, "AuditFailures")]
        {
            assert_eq!(fate(kind, logical_id), PlannedFate::Delete, "{logical_id}");
        }
    }
}
