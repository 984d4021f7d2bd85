//! The proof that a deleted task's free text cannot be found out: the log has salted hashes, and the salt is nowhere any more.

use serde_json::Value;
use tasks::item::{Field, InAudit};

use crate::audit::{chain::Chain, record::Record};

/// The result of looking at one place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    Clean,
    /// Something is there that must not be.
    Readable,
    /// It could not be looked at.
    Unknown,
}

impl Verdict {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Readable => "readable",
            Self::Unknown => "unknown",
        }
    }
}

/// A look at one place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Look {
    pub place: &'static str,
    pub verdict: Verdict,
    pub why: String,
}

impl Look {
    pub fn new(place: &'static str, verdict: Verdict, why: impl Into<String>) -> Self {
        Self { place, verdict, why: why.into() }
    }
}

/// Looks at a task's records: they must tell a deletion, without a gap, and no text.
pub fn of_records(records: &[Record]) -> [Look; 2] {
    let chain = Chain::of(records);
    let last = records.last().map(Record::action).unwrap_or_default();
    let gone = ["task.deleted", "task.purged", "task.removed_out_of_band"].contains(&last);
    let history = match (gone, chain.whole()) {
        (false, _) => Look::new(
            "chain",
            Verdict::Readable,
            format!("the task is not deleted: its last record is {last}"),
        ),
        (true, false) => Look::new("chain", Verdict::Unknown, chain.verdict()),
        (true, true) => {
            Look::new("chain", Verdict::Clean, format!("{}, from creation to {last}", chain.verdict()))
        }
    };
    let telling: Vec<String> = records.iter().filter_map(tells).collect();
    let log = match telling.as_slice() {
        [] => Look::new(
            "audit log",
            Verdict::Clean,
            "titles and descriptions as length and salted hash, no salt",
        ),
        [first, ..] => Look::new("audit log", Verdict::Readable, first.clone()),
    };
    [history, log]
}

/// Says where a record shows free text, or a salt; `None` if it does not.
fn tells(record: &Record) -> Option<String> {
    let hashed = |field: &str| {
        Field::ALL.into_iter().any(|known| known.name() == field && known.in_audit() == InAudit::Hashed)
    };
    let is_hash =
        |value: &Value| value.is_null() || (value["length"].is_u64() && value["sha256"].is_string());
    let shown = record.changes().find(|(field, old, new)| hashed(field) && !(is_hash(old) && is_hash(new)));
    if let Some((field, ..)) = shown {
        return Some(format!("{} is in clear text in the record of {}", field, record.changed()));
    }
    has_salt(&record.value).then(|| format!("a salt is in the record of {}", record.changed()))
}

fn has_salt(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, member)| name == "salt" || has_salt(member)),
        Value::Array(members) => members.iter().any(has_salt),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Verdict, of_records};
    use crate::audit::record::{Record, samples::record};

    fn life() -> Vec<Record> {
        let hashed = json!([{"field": "title", "old": null, "new": {"length": 3, "sha256": "ab"}}]);
        let gone = [("/task/versionAfter", json!(null)), ("/integrity/after", json!(null))];
        vec![
            record(1, "task.created", &[("/changes", hashed)]),
            record(2, "task.deleted", &[]),
            record(3, "task.purged", &gone),
        ]
    }

    fn verdicts(records: &[Record]) -> [Verdict; 2] {
        of_records(records).map(|look| look.verdict)
    }

    #[test]
    fn a_deleted_task_with_hashes_alone_is_clean() {
        assert_eq!(verdicts(&life()), [Verdict::Clean, Verdict::Clean]);
        assert_eq!(verdicts(&life()[..2]), [Verdict::Clean, Verdict::Clean], "its tombstone is still there");
    }

    #[test]
    fn a_task_that_lives_or_whose_chain_breaks_is_not() {
        assert_eq!(verdicts(&life()[..1])[0], Verdict::Readable);
        assert_eq!(verdicts(&[])[0], Verdict::Readable);
        let gap = [life()[0].clone(), life()[2].clone()];
        assert_eq!(verdicts(&gap)[0], Verdict::Unknown);
        assert_eq!(verdicts(&life()[1..])[0], Verdict::Unknown, "its first records are not there");
    }

    #[test]
    fn clear_text_or_a_salt_anywhere_is_found() {
        for (path, value) in [
            ("/changes", json!([{"field": "title", "old": null, "new": "clear"}])),
            ("/changes", json!([{"field": "description", "old": {"S": "clear"}, "new": null}])),
            (
                "/changes",
                json!([{"field": "title", "old": null, "new": {"length": 3, "sha256": "ab", "salt": "s"}}]),
            ),
            ("/request", json!({"id": "r", "more": [{"salt": {"B": "AA=="}}]})),
        ] {
            let mut records = life();
            records[0] = record(1, "task.created", &[(path, value.clone())]);
            assert_eq!(verdicts(&records)[1], Verdict::Readable, "{value}");
        }
    }
}
