//! The chain of a task: each record begins with the image and the version that the record before it ended with.

use serde_json::Value;

use crate::{
    audit::record::Record,
    terminal::{layout::count, visible::visible},
};

/// The findings of comparing a task's records with each other. Only the records that were read are known: a chain that lacks its
/// newest ones looks whole.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chain {
    /// The first record does not begin with nothing: those before it are gone, as after the log's retention.
    pub headless: bool,
    /// The places where a record does not begin where the one before it ended, in words.
    pub breaks: Vec<String>,
    /// The last record leaves no item.
    pub ended: bool,
}

impl Chain {
    /// Checks the records of one task, in order.
    pub fn of(records: &[Record]) -> Self {
        let headless = records.first().is_some_and(|first| before(first) != (None, None));
        let broken = records.windows(2).filter(|pair| after(&pair[0]) != before(&pair[1]));
        let breaks = broken.map(|pair| format!("{} does not follow {}", named(&pair[1]), named(&pair[0])));
        let ended = records.last().is_some_and(|last| after(last).0.is_none());
        Self { headless, breaks: breaks.collect(), ended }
    }

    pub fn whole(&self) -> bool {
        !self.headless && self.breaks.is_empty()
    }

    /// Returns the verdict in words.
    pub fn verdict(&self) -> String {
        match (self.headless, self.breaks.len()) {
            (false, 0) => "chain unbroken".into(),
            (true, 0) => "chain unbroken, but its first records are gone or not read".into(),
            (_, breaks) => format!("chain broken in {}", count(breaks, "place")),
        }
    }
}

fn before(record: &Record) -> (Option<&str>, Option<u64>) {
    (record.text("/integrity/before"), record.number("/task/versionBefore"))
}

fn after(record: &Record) -> (Option<&str>, Option<u64>) {
    (record.text("/integrity/after"), record.number("/task/versionAfter"))
}

fn named(record: &Record) -> String {
    let version = record.value.pointer("/task/versionAfter").filter(|version| !version.is_null());
    let version = version.map_or_else(String::new, |version: &Value| format!(" to version {version}"));
    format!("{}{version} at {}", visible(record.action()), visible(record.changed()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Chain;
    use crate::audit::record::{Record, samples::record};

    fn three() -> Vec<Record> {
        (1..=3).map(|number| record(number, "task.updated", &[])).collect()
    }

    #[test]
    fn an_unbroken_chain_is_whole() {
        let chain = Chain::of(&three());
        assert!(chain.whole() && !chain.ended, "{chain:?}");
        assert_eq!(chain.verdict(), "chain unbroken");
    }

    #[test]
    fn a_dropped_moved_or_edited_record_breaks_it() {
        let dropped = [three()[0].clone(), three()[2].clone()];
        let moved = [three()[1].clone(), three()[0].clone(), three()[2].clone()];
        let mut edited = three();
        edited[1] = record(2, "task.updated", &[("/integrity/after", json!("f00"))]);
        for records in [&dropped[..], &moved, &edited] {
            assert!(!Chain::of(records).breaks.is_empty());
        }
        let chain = Chain::of(&dropped);
        assert_eq!(chain.verdict(), "chain broken in 1 place");
        assert!(chain.breaks[0].starts_with("task.updated to version 3 at"), "{chain:?}");
    }

    #[test]
    fn a_missing_head_is_told_and_a_removed_task_has_ended() {
        let chain = Chain::of(&three()[1..]);
        assert!(chain.headless && !chain.whole() && chain.breaks.is_empty());
        let gone = [("/integrity/after", json!(null)), ("/task/versionAfter", json!(null))];
        let mut purged = three();
        purged[2] = record(3, "task.purged", &gone);
        let chain = Chain::of(&purged);
        assert!(chain.ended && chain.whole(), "{chain:?}");
    }
}
