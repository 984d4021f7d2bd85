//! A summary of a range of the audit log, in bounded memory: counts, actors, and the newest records.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    audit::{record::Record, records::Item},
    terminal::clock::Millis,
};

/// The most actors that are counted one by one, addresses of each, and records and findings that are shown.
const ACTORS: usize = 5_000;
const ADDRESSES: usize = 5;
pub const RECORDS: usize = 1_000;
const FINDINGS: usize = 1_000;
/// The most hours of the timeline: more than ten years.
const HOURS: usize = 100_000;
const HOUR: Millis = 3_600_000;

/// The kinds of changes that the timeline tells apart.
pub const KINDS: [&str; 5] = ["created", "updated", "deleted", "out of band", "other"];

fn kind(action: &str) -> usize {
    match action {
        "task.created" => 0,
        "task.updated" => 1,
        "task.deleted" => 2,
        action if action.ends_with("_out_of_band") => 3,
        _ => 4,
    }
}

#[derive(Debug, Default)]
pub struct Summary {
    pub records: u64,
    pub findings: u64,
    pub by_action: BTreeMap<String, u64>,
    pub actors: BTreeMap<String, Actor>,
    /// Records of actors beyond those that are counted one by one.
    pub by_others: u64,
    /// The number of records of each kind, by the hour in which they begin.
    pub hours: BTreeMap<Millis, [u64; KINDS.len()]>,
    /// Records without a time, or outside the timeline.
    pub timeless: u64,
    pub newest: VecDeque<Record>,
    pub found: Vec<String>,
}

/// The changes of one actor.
#[derive(Debug, Default)]
pub struct Actor {
    pub auth: String,
    pub records: u64,
    pub first: String,
    pub last: String,
    pub addresses: BTreeSet<String>,
    /// It came from more addresses than are listed.
    pub more_addresses: bool,
}

impl Summary {
    pub fn take(&mut self, item: Item) {
        match item {
            Item::Record(record) => self.record(record),
            Item::Finding(what) => {
                self.findings += 1;
                if self.found.len() < FINDINGS {
                    self.found.push(what);
                }
            }
        }
    }

    fn record(&mut self, record: Record) {
        self.records += 1;
        *self.by_action.entry(record.action().to_owned()).or_default() += 1;
        let hour = record.changed_at().map(|at| at.div_euclid(HOUR) * HOUR);
        match hour.filter(|hour| self.hours.len() < HOURS || self.hours.contains_key(hour)) {
            Some(hour) => self.hours.entry(hour).or_default()[kind(record.action())] += 1,
            None => self.timeless += 1,
        }
        if self.actors.len() < ACTORS || self.actors.contains_key(record.actor()) {
            self.actors.entry(record.actor().to_owned()).or_default().take(&record);
        } else {
            self.by_others += 1;
        }
        self.newest.push_back(record);
        if self.newest.len() > RECORDS {
            self.newest.pop_front();
        }
    }

    /// Returns the timeline in at most `most` steps of equal length, and that length.
    pub fn timeline(&self, most: Millis) -> (Millis, Vec<(Millis, [u64; KINDS.len()])>) {
        let (Some((&first, _)), Some((&last, _))) =
            (self.hours.first_key_value(), self.hours.last_key_value())
        else {
            return (HOUR, Vec::new());
        };
        let hours = (last - first) / HOUR + 1;
        let step = HOUR * (hours + most - 1).div_euclid(most).max(1);
        let mut steps: BTreeMap<Millis, [u64; KINDS.len()]> =
            (0..=(last - first) / step).map(|number| (first + number * step, [0; KINDS.len()])).collect();
        for (hour, counts) in &self.hours {
            let sums = steps.entry(first + (hour - first) / step * step).or_default();
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        (step, steps.into_iter().collect())
    }
}

impl Actor {
    fn take(&mut self, record: &Record) {
        self.records += 1;
        if self.records == 1 {
            record.changed().clone_into(&mut self.first);
            record.text("/actor/auth").unwrap_or_default().clone_into(&mut self.auth);
        }
        record.changed().clone_into(&mut self.last);
        if let Some(address) = record.text("/request/sourceIp").filter(|text| !self.addresses.contains(*text))
        {
            if self.addresses.len() < ADDRESSES {
                self.addresses.insert(address.to_owned());
            } else {
                self.more_addresses = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ACTORS, HOUR, RECORDS, Summary};
    use crate::audit::{record::samples::record, records::Item};

    #[test]
    fn however_much_there_is_only_so_much_is_held() {
        let mut summary = Summary::default();
        for number in 0..(ACTORS as u64 + 10) {
            let record =
                record(number + 1, "task.updated", &[("/actor/id", json!(format!("actor {number}")))]);
            summary.take(Item::Record(record));
            summary.take(Item::Finding(String::new()));
        }
        assert_eq!((summary.newest.len(), summary.actors.len(), summary.by_others), (RECORDS, ACTORS, 10));
        assert_eq!((summary.found.len(), summary.findings, summary.records), (1_000, 5_010, 5_010));
        assert_eq!(summary.newest.back().map(|record| record.actor().to_owned()), Some("actor 5009".into()));
    }

    #[test]
    fn the_timeline_has_every_record_in_a_few_steps_of_equal_length() {
        let mut summary = Summary::default();
        for changed in ["2026-11-01T00:10:00Z", "2026-11-01T00:50:00Z", "2026-11-05T12:00:00Z"] {
            summary.take(Item::Record(record(1, "task.created", &[("/time/changed", json!(changed))])));
        }
        summary.take(Item::Record(record(1, "task.created", &[("/time/changed", json!("never"))])));
        let (step, steps) = summary.timeline(48);
        assert_eq!((step, steps.len(), summary.timeless), (3 * HOUR, 37, 1));
        assert_eq!(steps.iter().map(|(_, counts)| counts[0]).sum::<u64>(), 3);
        assert_eq!(steps[0].1, [2, 0, 0, 0, 0]);
        assert!(Summary::default().timeline(48).1.is_empty());
    }
}
