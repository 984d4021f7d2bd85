use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use serde_json::Value;

use super::finding::{Finding, Report, Unchecked};
use crate::{Hash, Leaf, Place};

/// A task's record as a link between the one before and the one after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The hash of owner and id.
    task: Hash,
    place: Place<Arc<str>>,
    leaf: Leaf,
    before: End,
    after: End,
    line: u64,
    /// To name the record if its chain is broken.
    names: Box<(String, String, String)>,
}

/// An item's image and version, or neither.
#[derive(Debug, PartialEq, Eq)]
struct End {
    image: Option<Hash>,
    version: Option<u64>,
}

impl Link {
    /// Returns the link of a record. `None` for records that are of no task, such as a sentinel's.
    pub fn of(
        record: &Value,
        leaf: Leaf,
        line: u64,
        streams: &mut Streams,
    ) -> Option<Result<Self, &'static str>> {
        let task = record.get("task")?;
        Some(Self::read(record, task, leaf, line, streams))
    }

    fn read(
        record: &Value,
        task: &Value,
        leaf: Leaf,
        line: u64,
        streams: &mut Streams,
    ) -> Result<Self, &'static str> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let owner = text(&task["owner"]).ok_or("it has no task.owner")?;
        let id = text(&task["id"]).ok_or("it has no task.id")?;
        let sequence = record["source"]["sequenceNumber"].as_str().unwrap_or_default();
        if sequence.is_empty() || !sequence.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err("its source.sequenceNumber is no number");
        }
        let end = |image: &str, version: &str| {
            let version = &task[version];
            let version = match version {
                Value::Null => None,
                version => Some(version.as_u64().ok_or("its task's version is no number")?),
            };
            let image = match &record["integrity"][image] {
                Value::Null => None,
                image => Some(
                    image.as_str().and_then(Hash::parse_hex).ok_or("its integrity holds what is no hash")?,
                ),
            };
            Ok::<_, &str>(End { image, version })
        };
        let event = text(&record["eventId"]).unwrap_or_default();
        Ok(Self {
            task: Hash::of(&[&owner.len().to_be_bytes()[..], owner.as_bytes(), id.as_bytes()].concat()),
            place: streams.keep(Place::of(record)),
            leaf,
            before: end("before", "versionBefore")?,
            after: end("after", "versionAfter")?,
            line,
            names: Box::new((event, owner, id)),
        })
    }
}

/// The labels of the streams, each once.
#[derive(Debug, Default)]
pub(super) struct Streams(BTreeSet<Arc<str>>);

impl Streams {
    fn keep(&mut self, place: Place<&str>) -> Place<Arc<str>> {
        let label = self.0.get(place.stream).cloned().unwrap_or_else(|| {
            let label: Arc<str> = place.stream.into();
            self.0.insert(label.clone());
            label
        });
        place.kept(label)
    }
}

/// Checks that every task's records follow each other, leaving out those of these leaves. Records must be there once.
pub(super) fn check(
    mut links: Vec<Link>,
    without: &HashSet<Leaf>,
    from_the_beginning: bool,
    report: &mut Report,
) {
    links.retain(|link| !without.contains(&link.leaf));
    links.sort_unstable_by(|one, other| (one.task, &one.place).cmp(&(other.task, &other.place)));
    let mut beginnings = 0;
    for (at, link) in links.iter().enumerate() {
        match at.checked_sub(1).map(|before| &links[before]).filter(|before| before.task == link.task) {
            Some(before) if before.after == link.before => {}
            Some(_) => {
                let (event_id, owner, task) = (*link.names).clone();
                report.found(Finding::ChainBroken { line: link.line, event_id, owner, task });
            }
            None => {
                report.tasks += 1;
                beginnings += u64::from(link.before.image.is_some());
            }
        }
    }
    if beginnings > 0 && from_the_beginning {
        report.unchecked(Unchecked::TaskBeginnings { tasks: beginnings });
    }
}
