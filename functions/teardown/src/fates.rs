//! Fates: deciding what is planned for each thing, and checking that the plan still fits the stack.

use contract::{Noted, Planned, PlannedFate, Run, names::Named};
use sha2::{Digest, Sha256};

use crate::{Context, StepError, aws::types, things};

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
            };
            (entry.fate, entry.why) = (fate, why);
        }
    }
    for entry in run.inventory.clone().iter().filter(|entry| entry.fate == PlannedFate::Keep) {
        run.keep(Noted::entry(entry));
    }
    Ok(())
}

/// Refuses when an update came in between: the stack has something that the plan lacks, or no longer retains what was to stay.
pub async fn still_as_planned(context: &Context<'_>, run: &Run) -> Result<(), StepError> {
    let stack = run.stack()?;
    let template = context.aws.template(&stack.id).await?;
    let now = things::resources(context, stack, template.as_ref()).await?;
    let planned = |entry: &Planned| run.inventory.iter().find(|old| old.physical_id == entry.physical_id);
    let differs = |entry: &&Planned| {
        planned(entry).is_none_or(|old| old.fate == PlannedFate::Keep && entry.fate == PlannedFate::Delete)
    };
    let changed: Vec<_> =
        now.iter().filter(differs).map(|entry| format!("{} ({})", entry.logical_id, entry.kind)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let changed = changed.join(", ");
    Err(StepError::Refused(format!(
        "the stack was updated since the plan was made, which lacks or keeps {changed}"
    )))
}

/// Returns the SHA-256, in hex, over the things with their fates: the same stack and request give the same.
pub fn hash(entries: &[Planned]) -> String {
    let line = |e: &Planned| format!("{:?} {} {} {}", e.fate, e.kind, e.logical_id, e.physical_id);
    let mut lines: Vec<_> = entries.iter().map(line).collect();
    lines.sort();
    hex::encode(Sha256::digest(lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_knows_fates_and_not_order() {
        let entry = |kind: &str, fate| Planned {
            kind: kind.to_owned(),
            logical_id: "X".to_owned(),
            physical_id: "x".to_owned(),
            fate,
            why: String::new(),
        };
        let (one, two) =
            (entry(types::TABLE, PlannedFate::Delete), entry(types::FUNCTION, PlannedFate::Delete));
        assert_eq!(hash(&[one.clone(), two.clone()]), hash(&[two.clone(), one.clone()]));
        let kept = one.clone().with(PlannedFate::Keep, String::new());
        assert_ne!(hash(&[kept, two.clone()]), hash(&[one, two]));
    }
}
