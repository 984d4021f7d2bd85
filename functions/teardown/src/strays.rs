//! Strays: changes that never reached the audit log. Batches lie in the failure bucket, records in quarantine.
//!
//! A consent names what was there when the plan was made. What comes later is not destroyed under it.

use contract::{Consent, Noted, Planned, Run, Strays, names::Named};
use serde_json::Value;
use stacks::{Held, types};

use crate::{Context, StepError};

/// How many of the newest are named.
const NAMED: usize = 3;

/// Lists what each place of the stack holds, the bucket and the quarantine.
pub async fn look(context: &Context<'_>, run: &Run) -> Result<Vec<Strays>, StepError> {
    let mut strays = Vec::new();
    for bucket in run.doomed(types::BUCKET) {
        strays.extend(summary(bucket, &context.aws.objects(&bucket.physical_id).await?));
    }
    if let Some(group) = quarantine(run)? {
        strays.extend(summary(group, &context.aws.events(&group.physical_id, sequence_number).await?));
    }
    Ok(strays)
}

/// Fails when a change went astray since the plan was made.
pub async fn none_since_the_plan(context: &Context<'_>, run: &Run) -> Result<(), StepError> {
    let late: Vec<_> =
        look(context, run).await?.iter().filter(|now| is_late(run, now)).map(Strays::words).collect();
    if late.is_empty() {
        return Ok(());
    }
    Err(StepError::Refused(format!(
        "changes went astray since the plan was made: {}. Look at them, then start again",
        late.join("; ")
    )))
}

/// Notes records that came into quarantine since the deletion began, and that go with it.
pub async fn note_what_is_lost(context: &Context<'_>, run: &mut Run) -> Result<(), StepError> {
    let log = Named::AuditLog.of(&run.stack()?.name);
    let going = |now: &&Strays| now.kind == types::LOG_GROUP && is_doomed(run, &now.place);
    let late: Vec<_> = look(context, run)
        .await?
        .iter()
        .filter(going)
        .filter(|now| is_late(run, now))
        .map(Strays::words)
        .collect();
    for words in late {
        run.not_proven(Noted::completeness(&log, format!("{words}, which went with the stack")));
    }
    Ok(())
}

/// Empties a bucket of what it held when the plan was made; refuses when it holds more.
pub async fn empty_bucket(context: &Context<'_>, run: &mut Run, bucket: &Planned) -> Result<(), StepError> {
    let held = context.aws.objects(&bucket.physical_id).await?;
    let now = summary(bucket, &held);
    if let Some(late) = now.iter().find(|now| is_late(run, now)) {
        let words = late.words();
        return Err(StepError::Failed(format!(
            "{words}: some came since the plan was made. Look at them, then start again"
        )));
    }
    context.aws.delete_objects(&bucket.physical_id, &held).await?;
    if let Some(planned) = run.strays.iter().find(|strays| strays.place == bucket.physical_id).cloned() {
        run.destroyed(&planned);
    }
    Ok(())
}

/// Returns why a log group is not deleted: it is the quarantine, and holds records that no consent names.
pub async fn not_named(context: &Context<'_>, run: &Run, group: &str) -> Result<Option<Noted>, StepError> {
    let Some(quarantine) = quarantine(run)?.filter(|quarantine| quarantine.physical_id == group) else {
        return Ok(None);
    };
    let Some(now) = summary(quarantine, &context.aws.events(group, sequence_number).await?) else {
        return Ok(None);
    };
    let consent = Consent::EmptyBuckets;
    if !run.request.consents(consent) {
        let why = format!("{} (consent: {consent})", now.words());
        return Ok(Some(Noted::resource(types::LOG_GROUP, group, why).with(consent)));
    }
    // A run that found the stack gone has no plan: the consent is for what is there.
    let late = run.rounds > 0 && is_late(run, &now);
    let why = || format!("{}; some came since the plan was made", now.words());
    Ok(late.then(|| Noted::resource(types::LOG_GROUP, group, why()).with(consent)))
}

/// Tells whether a place holds more than it did when the plan was made.
fn is_late(run: &Run, now: &Strays) -> bool {
    let planned = run.strays.iter().find(|planned| planned.place == now.place);
    planned.is_none_or(|planned| now.until > planned.until || now.count > planned.count)
}

fn is_doomed(run: &Run, group: &str) -> bool {
    run.doomed(types::LOG_GROUP).any(|doomed| doomed.physical_id == group)
}

fn quarantine(run: &Run) -> Result<Option<&Planned>, StepError> {
    let name = Named::Quarantine.of(&run.stack()?.name);
    Ok(run.inventory.iter().find(|entry| entry.kind == types::LOG_GROUP && entry.physical_id == name))
}

/// Returns the name of a record in quarantine: its number in the table's stream.
fn sequence_number(line: &str) -> String {
    let line: Option<Value> = serde_json::from_str(line).ok();
    let number = line.as_ref().and_then(|line| line["sequenceNumber"].as_str());
    number.unwrap_or("without a sequence number").to_owned()
}

/// Returns what a place holds in short; `None` for an empty one.
fn summary(place: &Planned, held: &[Held]) -> Option<Strays> {
    let mut newest: Vec<&Held> = held.iter().collect();
    newest.sort_by_key(|held| -held.at);
    Some(Strays {
        kind: place.kind.clone(),
        place: place.physical_id.clone(),
        count: held.len() as u64,
        until: newest.first()?.at,
        newest: newest.iter().take(NAMED).map(|held| held.name.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use contract::PlannedFate;

    use super::*;

    fn bucket() -> Planned {
        Planned {
            kind: types::BUCKET.to_owned(),
            logical_id: "AuditFailures".to_owned(),
            physical_id: "b".to_owned(),
            part_of: None,
            fate: PlannedFate::Delete,
            why: String::new(),
        }
    }

    fn held(times: &[i64]) -> Strays {
        let held: Vec<_> =
            times.iter().map(|at| Held { at: *at, name: format!("k{at}"), version: None }).collect();
        summary(&bucket(), &held).unwrap()
    }

    #[test]
    fn what_came_after_the_plan_is_late_and_what_is_left_of_it_is_not() {
        let run = Run { strays: vec![held(&[1, 2, 3, 4])], ..Run::default() };
        assert!(!is_late(&run, &held(&[1, 2, 3, 4])) && !is_late(&run, &held(&[2])));
        // Another of the same second, and a newer one in the place of an old one.
        assert!(is_late(&run, &held(&[1, 2, 3, 4, 4])) && is_late(&run, &held(&[5])));
        assert!(is_late(&Run::default(), &held(&[1])));
    }

    #[test]
    fn a_record_in_quarantine_is_named_by_its_number() {
        assert_eq!(sequence_number(r#"{"sequenceNumber":"17","payload":"{}"}"#), "17");
        for line in ["", "no JSON", r#"{"sequenceNumber":17}"#] {
            assert_eq!(sequence_number(line), "without a sequence number", "{line}");
        }
    }

    #[test]
    fn the_newest_are_named() {
        assert_eq!(
            held(&[1, 4, 2, 3]).words(),
            "the bucket b is not empty: 4 objects, the newest k4, k3, k2"
        );
        assert_eq!(summary(&bucket(), &[]), None);
    }
}
