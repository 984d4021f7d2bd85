//! The things that belong to a stack: what `CloudFormation` lists, and what AWS made for it.

use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};
use contract::{Planned, PlannedFate, Run, StackRef};
use serde_json::Value;
use stacks::{IN_REVIEW, LogGroup, types};

use crate::{Context, StepError};

const API_ACCOUNT: &str = "AWS::ApiGateway::Account";
/// The beginning of the logical id of the role that [`API_ACCOUNT`] names.
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

/// Lists the resources that are there, with the fate that the template gives them.
pub async fn resources(
    context: &Context<'_>,
    stack: &StackRef,
    template: Option<&Value>,
) -> Result<Vec<Planned>, StepError> {
    let listed = context.aws.stack_resources(&stack.id).await?;
    if listed.is_empty() && stack.status != IN_REVIEW {
        // A stack that was ever made lists its resources, even deleted ones.
        return Err(StepError::Transient("CloudFormation listed no resource".to_owned()));
    }
    let living: Vec<_> = listed.iter().filter_map(living).collect();
    let part = |entry: &Planned| part_of(entry, template?, &living);
    let whole = |entry: &Planned| Planned { part_of: part(entry), ..judged(entry.clone(), template) };
    Ok(living.iter().map(whole).collect())
}

/// Returns what an entry is a part of, by the template: the physical id of a resource, or else what the template says.
fn part_of(entry: &Planned, template: &Value, living: &[Planned]) -> Option<String> {
    let named = &template["Resources"][&entry.logical_id]["Properties"][types::part_of(&entry.kind)?];
    let named = named.as_array().and_then(|several| several.first()).unwrap_or(named);
    let reference = named["Ref"].as_str().or_else(|| named["Fn::GetAtt"][0].as_str());
    let reference = reference.or_else(|| named["Fn::GetAtt"].as_str()?.split('.').next());
    let listed = living.iter().find(|other| Some(other.logical_id.as_str()) == reference);
    let said = named.as_str().map_or_else(|| named.to_string(), str::to_owned);
    Some(listed.map_or(said, |other| other.physical_id.clone()))
}

/// Corrects what was planned by what CloudFormation did, which it remembers of a deleted stack for 90 days, and adds what the plan
/// lacked. What CloudFormation left in place, or what had left the stack before, is only looked for.
pub fn correct_by_deletion(inventory: &mut Vec<Planned>, listed: &[StackResourceSummary]) {
    let same = |it: &&StackResourceSummary, known: &Planned| {
        it.physical_resource_id() == Some(&known.physical_id) && it.resource_type() == Some(&known.kind)
    };
    let fate = |known: &Planned| {
        let status = listed.iter().find(|it| same(it, known)).and_then(StackResourceSummary::resource_status);
        match (status.map(ResourceStatus::as_str), known.fate) {
            (Some("DELETE_COMPLETE"), PlannedFate::Keep | PlannedFate::Earlier) => {
                Some((PlannedFate::Delete, "CloudFormation deleted it"))
            }
            (Some("DELETE_SKIPPED"), PlannedFate::Delete) => {
                Some((PlannedFate::Earlier, "CloudFormation left it in place (DELETE_SKIPPED)"))
            }
            (None, PlannedFate::Delete) => {
                Some((PlannedFate::Earlier, "it had left the stack before that was deleted"))
            }
            _ => None,
        }
    };
    // A setting of the account can be neither deleted nor kept.
    for entry in inventory.iter_mut().filter(|it| !it.logical_id.is_empty() && it.kind != API_ACCOUNT) {
        if let Some((corrected, why)) = fate(entry) {
            (entry.fate, entry.why) = (corrected, why.to_owned());
        }
    }
    for resource in listed {
        let found = entry(resource);
        let known = inventory.iter().any(|it| it.physical_id == found.physical_id && it.kind == found.kind);
        if found.physical_id.is_empty() || known {
            continue;
        }
        inventory.push(match resource.resource_status().map(ResourceStatus::as_str) {
            Some("DELETE_COMPLETE") => Planned { why: "CloudFormation deleted it".to_owned(), ..found },
            _ => found.with(PlannedFate::Keep, "CloudFormation left it in place (DELETE_SKIPPED)".to_owned()),
        });
    }
}

/// Lists the log groups that services made by themselves, for what is in the stack.
pub async fn unlisted(context: &Context<'_>, entries: &[Planned]) -> Result<Vec<Planned>, StepError> {
    let listed = |name: &String| {
        entries.iter().any(|entry| entry.kind == types::LOG_GROUP && entry.physical_id == *name)
    };
    let why = "made by AWS for a resource of the stack";
    let entry = |group: LogGroup| own(types::LOG_GROUP, group.name, PlannedFate::Delete, why);
    let groups = implicit_log_groups(context, entries).await?;
    Ok(groups.into_iter().filter(|group| !listed(&group.name)).map(entry).collect())
}

/// Lists the log groups that Lambda and API Gateway made because none was named, or recreated with late log lines, for what is to
/// be deleted. What stays goes on writing its logs.
pub async fn implicit_log_groups(
    context: &Context<'_>,
    entries: &[Planned],
) -> Result<Vec<LogGroup>, StepError> {
    let mut groups = Vec::new();
    for entry in entries.iter().filter(|entry| entry.fate == PlannedFate::Delete) {
        match entry.kind.as_str() {
            types::FUNCTION => {
                let own = format!("/aws/lambda/{}", entry.physical_id);
                // A group whose name only begins so is another function's.
                groups.extend(context.aws.log_groups(&own).await?.into_iter().filter(|it| it.name == own));
            }
            // One for each stage.
            types::REST_API => {
                let prefix = format!("{}{}/", types::EXECUTION_LOGS, entry.physical_id);
                groups.extend(context.aws.log_groups(&prefix).await?);
            }
            _ => {}
        }
    }
    Ok(groups)
}

/// Returns a resource as an entry, unless it is deleted or was never made.
fn living(resource: &StackResourceSummary) -> Option<Planned> {
    let deleted = resource.resource_status().is_some_and(|status| status.as_str() == "DELETE_COMPLETE");
    Some(entry(resource)).filter(|entry| !deleted && !entry.physical_id.is_empty())
}

/// Returns a resource as an entry that goes with the stack.
pub fn entry(resource: &StackResourceSummary) -> Planned {
    Planned {
        kind: resource.resource_type().unwrap_or_default().to_owned(),
        logical_id: resource.logical_resource_id().unwrap_or_default().to_owned(),
        physical_id: resource.physical_resource_id().unwrap_or_default().to_owned(),
        part_of: None,
        fate: PlannedFate::Delete,
        why: "in the stack".to_owned(),
    }
}

/// Gives an entry the fate that the template sets: deleted with the stack, or retained. What the template does not say plainly, such
/// as a policy that depends on a parameter, is not touched: CloudFormation knows what to delete, and is asked afterwards.
fn judged(entry: Planned, template: Option<&Value>) -> Planned {
    let (kind, logical_id) = (entry.kind.as_str(), entry.logical_id.as_str());
    let account = kind == API_ACCOUNT || (kind == types::ROLE && logical_id.starts_with(API_ACCOUNT_ROLE));
    let policy = template.map(|template| match &template["Resources"][logical_id]["DeletionPolicy"] {
        Value::Null => None,
        Value::String(policy) => Some(policy.as_str()),
        _ => Some("that is no literal"),
    });
    let why = match policy {
        _ if kind == API_ACCOUNT => ACCOUNT_WHY.to_owned(),
        None if account || retained_by_us(kind, logical_id) => {
            "perhaps retained: the stack's template is not JSON, so that only CloudFormation knows".to_owned()
        }
        None | Some(None | Some("Delete")) => return entry,
        Some(Some("Retain")) if account => ACCOUNT_WHY.to_owned(),
        Some(Some("Retain")) if logical_id.starts_with(SEAL) => SEAL_WHY.to_owned(),
        Some(Some(policy)) => format!("DeletionPolicy {policy} in the template"),
    };
    entry.with(PlannedFate::Keep, why)
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
    own(SYSTEM_BACKUP, format!("{table}$DeletedTableBackup"), PlannedFate::Keep, SYSTEM_BACKUP_WHY)
}

/// Lists the code of the functions, which other stacks may share: it lies in the bootstrap's bucket, and the bootstrap
/// is never touched.
pub fn assets(template: &Value) -> Vec<Planned> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let key = |(_, resource): (&String, &Value)| {
        resource["Properties"]["Code"]["S3Key"].as_str().map(str::to_owned)
    };
    let why = "in the bootstrap bucket, maybe shared; `cdk gc` removes what nothing uses";
    resources.filter_map(key).map(|key| own(ASSET, key, PlannedFate::Keep, why)).collect()
}

/// Returns an entry that CloudFormation does not list.
fn own(kind: &str, physical_id: String, fate: PlannedFate, why: &str) -> Planned {
    let (kind, why) = (kind.to_owned(), why.to_owned());
    Planned { kind, logical_id: String::new(), physical_id, part_of: None, fate, why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn in_stack(kind: &str, logical_id: &str) -> Planned {
        let resource = StackResourceSummary::builder().resource_type(kind).logical_resource_id(logical_id);
        entry(&resource.physical_resource_id(logical_id.to_lowercase()).build())
    }

    #[test]
    fn the_template_says_what_stays() {
        let template = json!({"Resources": {
            "Log": {"Type": types::LOG_GROUP, "DeletionPolicy": "Retain"},
            "SealKey": {"Type": types::KEY, "DeletionPolicy": "Retain"},
            "SealIntents": {"Type": types::TABLE, "DeletionPolicy": "Delete"},
            "Fn": {"Type": types::FUNCTION, "Properties": {"Code": {"S3Bucket": "b", "S3Key": "abc.zip"}}},
        }});
        let fate = |kind, logical_id| judged(in_stack(kind, logical_id), Some(&template)).fate;
        assert_eq!(fate(types::LOG_GROUP, "Log"), PlannedFate::Keep);
        assert_eq!(fate(types::FUNCTION, "Fn"), PlannedFate::Delete);
        assert_eq!(judged(in_stack(types::KEY, "SealKey"), Some(&template)).why, SEAL_WHY);
        assert_eq!(fate(types::TABLE, "SealIntents"), PlannedFate::Delete);
        // A setting cannot be deleted, whatever the template says.
        assert_eq!(fate(API_ACCOUNT, "ApiAccount"), PlannedFate::Keep);
        assert_eq!(assets(&template)[0].physical_id, "abc.zip");
    }

    #[test]
    fn what_the_template_does_not_plainly_delete_is_kept() {
        let conditional = json!({"Fn::If": ["IsProd", "Retain", "Delete"]});
        for (policy, fate) in [
            (json!("Delete"), PlannedFate::Delete),
            (json!(null), PlannedFate::Delete),
            (json!("Retain"), PlannedFate::Keep),
            (json!("RetainExceptOnCreate"), PlannedFate::Keep),
            (json!("Snapshot"), PlannedFate::Keep),
            (json!("SomethingNew"), PlannedFate::Keep),
            (conditional, PlannedFate::Keep),
        ] {
            let template =
                json!({"Resources": {"Log": {"Type": types::LOG_GROUP, "DeletionPolicy": policy}}});
            assert_eq!(judged(in_stack(types::LOG_GROUP, "Log"), Some(&template)).fate, fate, "{policy}");
        }
    }

    #[test]
    fn the_template_says_what_a_permission_is_a_part_of() {
        let template = json!({"Resources": {
            "Own": {"Properties": {"FunctionName": {"Fn::GetAtt": ["Fn", "Arn"]}}},
            "Imported": {"Properties": {"FunctionName": {"Fn::ImportValue": "elsewhere"}}},
            "Named": {"Properties": {"FunctionName": "elsewhere"}},
        }});
        let living = [in_stack(types::FUNCTION, "Fn")];
        let of = |logical_id| part_of(&in_stack(types::PERMISSION, logical_id), &template, &living);
        assert_eq!(of("Own").as_deref(), Some("fn"));
        assert_eq!(of("Named").as_deref(), Some("elsewhere"));
        assert!(of("Imported").unwrap().contains("elsewhere"));
        assert_eq!(part_of(&living[0], &template, &living), None);
    }

    #[test]
    fn cloudformation_is_believed_about_what_it_deleted_and_left() {
        let listed = |logical_id: &str, status: ResourceStatus| {
            let resource =
                StackResourceSummary::builder().resource_type(types::TABLE).resource_status(status);
            resource.logical_resource_id(logical_id).physical_resource_id(logical_id.to_lowercase()).build()
        };
        let planned = |logical_id, fate| in_stack(types::TABLE, logical_id).with(fate, String::new());
        let mut inventory = vec![
            planned("Gone", PlannedFate::Delete),
            planned("Left", PlannedFate::Delete),
            planned("Kept", PlannedFate::Keep),
            planned("Deleted", PlannedFate::Keep),
            planned("Half", PlannedFate::Earlier),
            planned("Moved", PlannedFate::Delete),
        ];
        let of_cloudformation = [
            listed("Gone", ResourceStatus::DeleteComplete),
            listed("Left", ResourceStatus::DeleteSkipped),
            listed("Kept", ResourceStatus::DeleteSkipped),
            listed("Deleted", ResourceStatus::DeleteComplete),
            listed("Half", ResourceStatus::DeleteComplete),
            listed("New", ResourceStatus::DeleteComplete),
            listed("Retained", ResourceStatus::DeleteSkipped),
        ];
        correct_by_deletion(&mut inventory, &of_cloudformation);
        let fates: Vec<_> = inventory.iter().map(|it| (it.logical_id.as_str(), it.fate)).collect();
        let expected = [
            ("Gone", PlannedFate::Delete),
            ("Left", PlannedFate::Earlier),
            ("Kept", PlannedFate::Keep),
            ("Deleted", PlannedFate::Delete),
            ("Half", PlannedFate::Delete),
            ("Moved", PlannedFate::Earlier),
            ("New", PlannedFate::Delete),
            ("Retained", PlannedFate::Keep),
        ];
        assert_eq!(fates, expected);
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
        let fate = |kind, logical_id| judged(in_stack(kind, logical_id), None).fate;
        for (kind, logical_id) in [
            (types::LOG_GROUP, "AuditLog"),
            (API_ACCOUNT, "ApiAccount"),
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
