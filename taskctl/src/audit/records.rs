//! The records of the audit log: each once, in order, with everything that is no record as a finding.

use std::mem;

use seal::Place;

use crate::{
    account::clients::Aws,
    audit::{
        filter::Filter,
        log::{Event, Reader},
        record::Record,
        window::{Sight, Window},
    },
    cli::{audit_args::RangeArgs, failure::Failure},
    terminal::{
        clock::{self, Millis},
        layout::shortened,
        visible::visible,
    },
};

/// The length at which a line is quoted in a finding.
const QUOTED: usize = 60;
/// The most lines of one moment that are put in order together.
const TOGETHER: usize = 50_000;

#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Record(Record),
    /// A line that an audit function would not have written, in words.
    Finding(String),
}

impl Item {
    fn place(&self) -> Option<Place<&str>> {
        match self {
            Self::Record(record) => Some(record.place()),
            Self::Finding(_) => None,
        }
    }
}

/// Turns lines into records.
#[derive(Debug)]
pub struct Sieve<'a> {
    filter: &'a Filter,
    window: Window,
    /// The number of copies that were left out.
    pub copies: u64,
}

impl<'a> Sieve<'a> {
    pub fn new(filter: &'a Filter) -> Self {
        Self { filter, window: Window::default(), copies: 0 }
    }

    /// Returns what the lines are, in the log's order; records of one moment in that of their changes.
    pub fn sift(&mut self, events: Vec<Event>) -> Vec<Item> {
        let mut items: Vec<(Millis, Item)> =
            events.into_iter().filter_map(|event| Some((event.at, self.item(event)?))).collect();
        items.sort_by(|(at, one), (other_at, other)| {
            at.cmp(other_at).then_with(|| one.place().cmp(&other.place()))
        });
        items.into_iter().map(|(_, item)| item).collect()
    }

    fn item(&mut self, event: Event) -> Option<Item> {
        let at = event.at;
        let record = match Record::parse(event.message) {
            Ok(record) => record,
            Err((line, why)) => return Some(Item::Finding(no_record(at, &line, &why))),
        };
        if !self.filter.takes(&record) {
            return None;
        }
        match self.window.look(&record, at) {
            Sight::New => Some(Item::Record(record)),
            Sight::Copy => {
                self.copies += 1;
                None
            }
            Sight::Conflict => Some(Item::Finding(conflict(at, &record))),
        }
    }
}

fn no_record(at: Millis, line: &str, why: &str) -> String {
    let (why, line) = (visible(why), visible(&shortened(line, QUOTED)));
    format!("the line of {} is {why}: {line}", clock::exact(at))
}

fn conflict(at: Millis, record: &Record) -> String {
    format!(
        "a second record of {} has the eventId {} of another and says something else: {} by {}",
        clock::exact(at),
        visible(record.event_id()),
        visible(record.action()),
        visible(record.actor()),
    )
}

/// A search through the audit log, in bounded memory.
#[derive(Debug)]
pub struct Records<'a> {
    reader: Reader<'a>,
    pub sieve: Sieve<'a>,
    /// The lines of the last moment, to which the next page may add.
    held: Vec<Event>,
    /// The number of lines that were read so far, and the time of the last.
    pub lines: u64,
    pub last: Option<Millis>,
}

impl<'a> Records<'a> {
    pub fn new(aws: &'a Aws, group: &'a str, filter: &'a Filter, range: RangeArgs) -> Self {
        let reader = Reader::new(aws, group, filter.pattern(), range);
        Self { reader, sieve: Sieve::new(filter), held: Vec::new(), lines: 0, last: None }
    }

    /// Returns what the next page has, which may be nothing; `None` after the last.
    pub async fn page(&mut self) -> Result<Option<Vec<Item>>, Failure> {
        let Some(page) = self.reader.page().await? else {
            let rest = mem::take(&mut self.held);
            return Ok((!rest.is_empty()).then(|| self.sieve.sift(rest)));
        };
        self.lines += page.len() as u64;
        self.held.extend(page);
        self.last = self.held.last().map(|event| event.at).or(self.last);
        let ready = complete(&mut self.held);
        Ok(Some(self.sieve.sift(ready)))
    }
}

/// Takes the lines of all moments but the last.
fn complete(held: &mut Vec<Event>) -> Vec<Event> {
    let last = held.last().map(|event| event.at);
    let from = held.iter().rposition(|event| Some(event.at) != last).map_or(0, |at| at + 1);
    let rest = held.split_off(if held.len() - from > TOGETHER { held.len() } else { from });
    mem::replace(held, rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Item, Sieve, complete};
    use crate::audit::{
        filter::Filter,
        log::Event,
        record::{Record, samples::record},
    };

    fn event(at: i64, message: &str) -> Event {
        Event { at, id: String::new(), message: message.into() }
    }

    fn numbered(number: u64) -> Record {
        record(number, "task.updated", &[])
    }

    #[test]
    fn each_record_comes_once_and_in_the_order_of_its_moment() {
        let line = |number| numbered(number).line;
        let filter = Filter::default();
        let mut sieve = Sieve::new(&filter);
        let events = [(5, 9), (5, 10), (5, 9), (6, 2), (5, 8)].map(|(at, number)| event(at, &line(number)));
        let items = sieve.sift(events.to_vec());
        assert_eq!(items, [8, 9, 10, 2].map(|number| Item::Record(numbered(number))));
        assert_eq!(sieve.copies, 1);
    }

    #[test]
    fn what_is_no_record_is_a_finding_and_cannot_paint_the_terminal() {
        let filter = Filter::default();
        let forged = record(1, "task.updated", &[("/actor/id", json!("m\u{202e}allory"))]);
        let events = [event(0, "\u{1b}[2Jhello"), event(0, &numbered(1).line), event(0, &forged.line)];
        let items = Sieve::new(&filter).sift(events.to_vec());
        let findings: Vec<&String> = items
            .iter()
            .filter_map(|item| match item {
                Item::Finding(text) => Some(text),
                Item::Record(_) => None,
            })
            .collect();
        assert_eq!(findings.len(), 2, "{items:?}");
        assert!(findings[0].ends_with("\\u{1b}[2Jhello") && findings[0].contains("no JSON"), "{findings:?}");
        assert!(findings[1].contains("by m\\u{202e}allory"), "{findings:?}");
    }

    #[test]
    fn the_lines_of_the_last_moment_wait_for_the_next_page() {
        let at = |events: &[Event]| events.iter().map(|event| event.at).collect::<Vec<_>>();
        let mut held = [1, 1, 2, 3, 3].map(|at| event(at, "")).to_vec();
        assert_eq!(at(&complete(&mut held)), [1, 1, 2]);
        assert_eq!(at(&held), [3, 3]);
        assert!(complete(&mut held).is_empty() && held.len() == 2);
        assert!(complete(&mut Vec::new()).is_empty());
    }
}
