//! The things that belong to a stack: those that `CloudFormation` lists, and those that AWS made for it; who uses them, and which are
//! somebody else's by now.

use aws_sdk_cloudformation::{
    primitives::DateTime,
    types::{ResourceStatus, StackResourceSummary},
};
use contract::{Planned, PlannedFate, StackRef};
use serde_json::Value;

use crate::{
    Error,
    aws::{Clients, IN_REVIEW, LogGroup, types},
};

/// `DynamoDB`, IAM and `CloudFormation` have clocks of their own.
const CLOCKS_DIFFER_SECONDS: i64 = 1;

/// Lists the resources that are there, with the fate that the template gives them.
pub async fn resources(
    aws: &Clients,
    stack: &StackRef,
    template: Option<&Value>,
) -> Result<Vec<Planned>, Error> {
    let listed = aws.stack_resources(&stack.id).await?;
    if listed.is_empty() && stack.status != IN_REVIEW {
        // A stack that was ever made lists its resources, even deleted ones.
        return Err(Error::Transient("CloudFormation listed no resource".to_owned()));
    }
    let living: Vec<_> = listed.iter().filter_map(living).collect();
    let part = |entry: &Planned| part_of(entry, template?, &living);
    let whole = |entry: &Planned| Planned { part_of: part(entry), ..judged(entry.clone(), template) };
    Ok(living.iter().map(whole).collect())
}

/// Returns a resource as an entry, unless it is deleted or was never made.
fn living(resource: &StackResourceSummary) -> Option<Planned> {
    let deleted = resource.resource_status().is_some_and(|status| status.as_str() == "DELETE_COMPLETE");
    Some(entry(resource)).filter(|entry| !deleted && !entry.physical_id.is_empty())
}

/// Returns a resource as an entry that goes with the stack.
#[must_use]
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

/// Returns an entry that `CloudFormation` does not list.
#[must_use]
pub fn unlisted(kind: &str, physical_id: String, fate: PlannedFate, why: &str) -> Planned {
    let (kind, why) = (kind.to_owned(), why.to_owned());
    Planned { kind, logical_id: String::new(), physical_id, part_of: None, fate, why }
}

/// Gives an entry the fate that the template sets: deleted with the stack, or retained. What the template does not say plainly, such
/// as a policy that depends on a parameter, is not touched: `CloudFormation` knows what to delete, and is asked afterwards.
fn judged(entry: Planned, template: Option<&Value>) -> Planned {
    match template.map(|template| deletion_policy(template, &entry.logical_id)) {
        None | Some(None | Some("Delete")) => entry,
        Some(Some(policy)) => {
            let why = format!("DeletionPolicy {policy} in the template");
            entry.with(PlannedFate::Keep, why)
        }
    }
}

/// Reads the deletion policy of a resource; `None` where the template gives it none.
#[must_use]
pub fn deletion_policy<'a>(template: &'a Value, logical_id: &str) -> Option<&'a str> {
    match &template["Resources"][logical_id]["DeletionPolicy"] {
        Value::Null => None,
        Value::String(policy) => Some(policy),
        _ => Some("that is no literal"),
    }
}

/// Returns what an entry is a part of, by the template: the physical id of a resource, or else what the template says.
#[must_use]
pub fn part_of(entry: &Planned, template: &Value, living: &[Planned]) -> Option<String> {
    let named = &template["Resources"][&entry.logical_id]["Properties"][types::part_of(&entry.kind)?];
    let named = named.as_array().and_then(|several| several.first()).unwrap_or(named);
    let reference = named["Ref"].as_str().or_else(|| named["Fn::GetAtt"][0].as_str());
    let reference = reference.or_else(|| named["Fn::GetAtt"].as_str()?.split('.').next());
    let listed = living.iter().find(|other| Some(other.logical_id.as_str()) == reference);
    let said = named.as_str().map_or_else(|| named.to_string(), str::to_owned);
    Some(listed.map_or(said, |other| other.physical_id.clone()))
}

/// Corrects what was planned by what `CloudFormation` did, which it remembers of a deleted stack for 90 days, and adds what the plan
/// lacked. What `CloudFormation` left in place, or what had left the stack before, is only looked for.
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
    for entry in inventory.iter_mut().filter(|it| !it.logical_id.is_empty() && it.kind != types::API_ACCOUNT)
    {
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

/// Lists the log groups that services made by themselves, for what is in the stack, and that the stack does not list.
pub async fn unlisted_log_groups(aws: &Clients, entries: &[Planned]) -> Result<Vec<Planned>, Error> {
    let listed = |name: &String| {
        entries.iter().any(|entry| entry.kind == types::LOG_GROUP && entry.physical_id == *name)
    };
    let why = "made by AWS for a resource of the stack";
    let entry = |group: LogGroup| unlisted(types::LOG_GROUP, group.name, PlannedFate::Delete, why);
    let groups = implicit_log_groups(aws, entries).await?;
    Ok(groups.into_iter().filter(|group| !listed(&group.name)).map(entry).collect())
}

/// Lists the log groups that Lambda and API Gateway made because none was named, or recreated with late log lines, for what is to
/// be deleted. What stays goes on writing its logs.
pub async fn implicit_log_groups(aws: &Clients, entries: &[Planned]) -> Result<Vec<LogGroup>, Error> {
    let mut groups = Vec::new();
    for entry in entries.iter().filter(|entry| entry.fate == PlannedFate::Delete) {
        match entry.kind.as_str() {
            types::FUNCTION => {
                let own = format!("/aws/lambda/{}", entry.physical_id);
                // A group whose name only begins so is another function's.
                groups.extend(aws.log_groups(&own).await?.into_iter().filter(|it| it.name == own));
            }
            // One for each stage.
            types::REST_API => {
                let prefix = format!("{}{}/", types::EXECUTION_LOGS, entry.physical_id);
                groups.extend(aws.log_groups(&prefix).await?);
            }
            _ => {}
        }
    }
    Ok(groups)
}

/// Lists the exports of a stack that others import, with those who do: `CloudFormation` would refuse to delete it.
pub async fn exports_in_use(aws: &Clients, stack_id: &str) -> Result<Vec<(String, Vec<String>)>, Error> {
    let Some(stack) = aws.stack(stack_id).await? else { return Ok(Vec::new()) };
    let mut used = Vec::new();
    for export in stack.outputs().iter().filter_map(|output| output.export_name()) {
        let importers = aws.importers(export).await?;
        if !importers.is_empty() {
            used.push((export.to_owned(), importers));
        }
    }
    Ok(used)
}

/// Lists, of what is to be deleted, the tables and roles that somebody made again by hand, under the name of one that the stack had:
/// `CloudFormation` would delete them by that name. A thing of its own is older than the time at which `CloudFormation` was last done
/// with it.
pub async fn strangers(aws: &Clients, stack_id: &str, doomed: &[&Planned]) -> Result<Vec<Planned>, Error> {
    let listed = aws.stack_resources(stack_id).await?;
    let done = |entry: &Planned| {
        let own = listed.iter().find(|it| it.logical_resource_id() == Some(&entry.logical_id));
        own.and_then(|it| it.last_updated_timestamp()).map(DateTime::secs)
    };
    let mut strangers = Vec::new();
    for entry in doomed {
        let made = made(aws, entry).await?;
        if made.zip(done(entry)).is_some_and(|(made, done)| made > done + CLOCKS_DIFFER_SECONDS) {
            strangers.push((*entry).clone());
        }
    }
    Ok(strangers)
}

/// Returns the time at which a table or a role was made, in Unix seconds.
async fn made(aws: &Clients, entry: &Planned) -> Result<Option<i64>, Error> {
    match entry.kind.as_str() {
        types::TABLE => {
            let table = aws.table(&entry.physical_id).await?;
            Ok(table.and_then(|table| table.creation_date_time).map(|made| made.secs()))
        }
        types::ROLE => aws.role_created(&entry.physical_id).await,
        _ => Ok(None),
    }
}

/// The state of a role that `CloudFormation` is to assume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleState {
    There,
    Gone,
    /// It is there, and does not trust `CloudFormation`.
    Distrusts,
}

/// Finds out whether `CloudFormation` can assume a role. Its trust is read: trying would need a deletion. `doing` names the look.
pub async fn may_be_assumed(aws: &Clients, role_arn: &str, doing: &str) -> Result<RoleState, Error> {
    let name = role_arn.rsplit('/').next().unwrap_or_default();
    Ok(match aws.trust(name, doing).await? {
        None => RoleState::Gone,
        Some(trust) if !trust.contains("cloudformation.amazonaws.com") => RoleState::Distrusts,
        Some(_) => RoleState::There,
    })
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
}
