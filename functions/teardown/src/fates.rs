//! Fates: deciding what is planned for each thing, and checking that the plan still fits the stack.

use aws_sdk_cloudformation::types::{Parameter, Stack};
use contract::{Noted, Planned, PlannedFate, Run, StackRef, names::Named};
use serde_json::Value;
use sha2::{Digest, Sha256};
use stacks::{inventory::correct_by_deletion, types};

use crate::{Context, StepError, things};

/// Decides the fate of the audit log and of its quarantine, which the request has a say in (the template may make `CloudFormation`
/// delete them anyway), and notes everything that stays.
pub fn decide(run: &mut Run) -> Result<(), StepError> {
    let (stack, keep) = (run.stack()?.name.clone(), run.request.keep_audit_log);
    for (name, what) in
        [(Named::AuditLog, "the audit log"), (Named::Quarantine, "the audit log's quarantine")]
    {
        let group = name.of(&stack);
        let of_log = |entry: &&mut Planned| entry.kind == types::LOG_GROUP && entry.physical_id == group;
        for entry in run.inventory.iter_mut().filter(of_log) {
            let (fate, why) = match (keep, entry.fate) {
                (true, PlannedFate::Keep) => {
                    (PlannedFate::Keep, format!("{what} outlives the service (keepAuditLog)"))
                }
                (true, PlannedFate::Delete) => {
                    (PlannedFate::Delete, format!("the template deletes {what} (retainAuditLog=false)"))
                }
                (false, PlannedFate::Keep | PlannedFate::Delete) => {
                    (PlannedFate::Delete, format!("{what} goes too (keepAuditLog is false)"))
                }
                (_, PlannedFate::Earlier) => continue,
            };
            (entry.fate, entry.why) = (fate, why);
        }
    }
    for entry in run.inventory.clone().iter().filter(|entry| entry.fate == PlannedFate::Keep) {
        run.keep(Noted::entry(entry));
    }
    Ok(())
}

/// Leaves behind what the request abandons, of those that have this fate.
pub fn abandon(run: &mut Run, from: PlannedFate) {
    for entry in run.inventory.iter_mut().filter(|entry| entry.fate == from) {
        if run.request.abandon.contains(&entry.logical_id) {
            let why = "left behind (abandon): CloudFormation forgets it, and it stays, with what it may cost";
            (entry.fate, entry.why) = (PlannedFate::Keep, why.to_owned());
        }
    }
}

/// Tells whether a log group is the audit log, or its quarantine.
pub fn is_of_audit_log(group: &str, stack: &str) -> bool {
    [Named::AuditLog, Named::Quarantine].iter().any(|name| name.of(stack) == group)
}

/// Corrects the inventory of a stack that is deleted by what CloudFormation did, and decides what is left to be decided.
pub async fn settle(context: &Context<'_>, run: &mut Run) -> Result<(), StepError> {
    let stack = run.stack()?.clone();
    let id = stack.id;
    // What the request decided is decided again below.
    for entry in run.inventory.iter_mut().filter(|entry| is_of_audit_log(&entry.physical_id, &stack.name)) {
        entry.fate = PlannedFate::Keep;
    }
    match context.aws.resources_of_deleted(&id).await? {
        Some(listed) => correct_by_deletion(&mut run.inventory, &listed),
        None if run.inventory.is_empty() => {
            let why = "CloudFormation remembers it no longer, and no run has listed what it had";
            run.not_proven(Noted::new(Noted::STACK, &id, format!("the stack {id}"), why));
        }
        None => {}
    }
    abandon(run, PlannedFate::Earlier);
    decide(run)
}

/// Returns the stack's template as JSON, if it is, and what template and parameters together are, as a hash.
pub async fn version(context: &Context<'_>, stack: &StackRef) -> Result<(Option<Value>, String), StepError> {
    let template = context.aws.template(&stack.id).await?;
    let described = context.aws.stack(&stack.id).await?;
    let parameter =
        |it: &Parameter| format!("{:?}", (it.parameter_key(), it.parameter_value(), it.resolved_value()));
    let parameters = described.iter().flat_map(Stack::parameters).map(parameter);
    let mut lines: Vec<_> = parameters.collect();
    lines.sort();
    lines.push(template.clone());
    Ok((serde_json::from_str(&template).ok(), hex::encode(Sha256::digest(lines.join("\n")))))
}

/// Refuses when an update came in between: the stack has something that the plan lacks, no longer retains what was to stay, or has
/// another template or other parameters for the same things.
pub async fn still_as_planned(context: &Context<'_>, run: &Run) -> Result<(), StepError> {
    let stack = run.stack()?;
    let (template, version) = version(context, stack).await?;
    let now = things::resources(context, stack, template.as_ref()).await?;
    let planned = |entry: &Planned| run.inventory.iter().find(|old| old.physical_id == entry.physical_id);
    let differs = |entry: &&Planned| match planned(entry).map(|old| old.fate) {
        None | Some(PlannedFate::Earlier) => true,
        // What is abandoned stays whatever the template says.
        Some(PlannedFate::Keep) => {
            entry.fate == PlannedFate::Delete && !run.request.abandon.contains(&entry.logical_id)
        }
        Some(PlannedFate::Delete) => false,
    };
    let changed: Vec<_> =
        now.iter().filter(differs).map(|entry| format!("{} ({})", entry.logical_id, entry.kind)).collect();
    let what = if !changed.is_empty() {
        format!("which lacks or keeps {}", changed.join(", "))
    } else if run.version.as_ref().is_some_and(|planned| *planned != version) {
        "with another template or other parameters".to_owned()
    } else {
        return Ok(());
    };
    Err(StepError::Refused(format!("the stack was updated since the plan was made, {what}")))
}

/// Returns the SHA-256, in hex, over the things with their fates and the version of the stack: the same stack and request give the
/// same.
pub fn hash(entries: &[Planned], version: &str) -> String {
    let line = |e: &Planned| format!("{:?} {} {} {}", e.fate, e.kind, e.logical_id, e.physical_id);
    let mut lines: Vec<_> = entries.iter().map(line).collect();
    lines.sort();
    lines.push(version.to_owned());
    hex::encode(Sha256::digest(lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn the_hash_knows_fates_and_not_order() {
        let entry = |kind: &str, fate| Planned {
            kind: kind.to_owned(),
            logical_id: "X".to_owned(),
            physical_id: "x".to_owned(),
            part_of: None,
            fate,
            why: String::new(),
        };
        let (one, two) =
            (entry(types::TABLE, PlannedFate::Delete), entry(types::FUNCTION, PlannedFate::Delete));
        let hash = |entries: &[Planned]| super::hash(entries, "v");
        assert_eq!(hash(&[one.clone(), two.clone()]), hash(&[two.clone(), one.clone()]));
        assert_ne!(super::hash(slice::from_ref(&one), "v"), super::hash(slice::from_ref(&one), "w"));
        let kept = one.clone().with(PlannedFate::Keep, String::new());
        assert_ne!(hash(&[kept, two.clone()]), hash(&[one, two]));
    }
}
