//! Recognises copies of a record: delivery to the log is at least once.
//!
//! A copy is made when a batch is delivered again, which happens while the stream has the change (24 hours) and a delivery lasts (12
//! hours). Record and copy have the same time in the log, that of the stream, so that they stand close together in its order. That is
//! why the ids of the last 36 hours of the log suffice, and of those the newest, if there are very many. The one copy that can stand
//! far away is that of a batch replayed from the failure bucket after more than 36 hours; it shows in its task's history.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tasks::audit::LATEST_HOURS;

use crate::{audit::record::Record, terminal::clock::Millis};

/// The most ids that are remembered, in about 25 MB.
const MOST: usize = 200_000;
const SPAN: Millis = LATEST_HOURS * 3_600_000;

type Digest = [u8; 16];

/// The ids of the last part of the log that was read, with a digest of each record.
#[derive(Debug)]
pub struct Window {
    seen: HashMap<Digest, Content>,
    order: VecDeque<(Millis, Digest)>,
    most: usize,
}

/// How a record stands to those before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sight {
    New,
    /// It was seen, and says the same.
    Copy,
    /// Its id was seen, in a record that says something else: one of the two is not the audit function's.
    Conflict,
}

/// The digests by which copies of one record are told from forgeries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Content {
    schema: Digest,
    /// All members, without the time of writing and the hash of the record itself.
    whole: Digest,
    /// Those that every format has, for a copy that another version of the function wrote.
    core: Digest,
}

impl Default for Window {
    fn default() -> Self {
        Self { seen: HashMap::new(), order: VecDeque::new(), most: MOST }
    }
}

impl Window {
    /// Remembers a record of the log's time `at`, and says whether it was there before.
    pub fn look(&mut self, record: &Record, at: Millis) -> Sight {
        let (id, content) = (digest(record.event_id().as_bytes()), Content::of(record));
        if let Some(known) = self.seen.get(&id) {
            return if known.agrees(&content) { Sight::Copy } else { Sight::Conflict };
        }
        self.seen.insert(id, content);
        self.order.push_back((at, id));
        while self.order.front().is_some_and(|(oldest, _)| self.order.len() > self.most || at - oldest > SPAN)
        {
            self.order.pop_front().map(|(_, id)| self.seen.remove(&id));
        }
        Sight::New
    }
}

impl Content {
    fn of(record: &Record) -> Self {
        let mut whole = record.value.clone();
        for (object, member) in [("time", "audited"), ("integrity", "record")] {
            whole.get_mut(object).and_then(Value::as_object_mut).map(|object| object.remove(member));
        }
        let paths =
            ["/action", "/actor/id", "/task", "/changes", "/source/sequenceNumber", "/integrity/before"];
        let core: Vec<&Value> =
            paths.iter().chain(&["/integrity/after"]).filter_map(|path| record.value.pointer(path)).collect();
        Self {
            schema: digest(record.schema().as_bytes()),
            // Maps of serde_json are sorted by name.
            whole: digest(whole.to_string().as_bytes()),
            core: digest(serde_json::to_string(&core).unwrap_or_default().as_bytes()),
        }
    }

    fn agrees(&self, other: &Self) -> bool {
        self.whole == other.whole || (self.schema != other.schema && self.core == other.core)
    }
}

fn digest(bytes: &[u8]) -> Digest {
    let whole = Sha256::digest(bytes);
    let mut half = Digest::default();
    half.copy_from_slice(&whole[..16]);
    half
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{SPAN, Sight, Window};
    use crate::audit::record::samples::record;

    #[test]
    fn a_copy_differs_in_the_time_of_writing_alone() {
        let mut window = Window::default();
        let written = record(1, "task.updated", &[]);
        assert_eq!(window.look(&written, 0), Sight::New);
        assert_eq!(window.look(&written, 0), Sight::Copy);
        let again = record(1, "task.updated", &[("/time/audited", json!("2026-11-23T18:00:00.000Z"))]);
        assert_eq!(window.look(&again, 0), Sight::Copy);
        let newer = record(1, "task.updated", &[("/schema", json!("task.audit/2"))]);
        assert_eq!(window.look(&newer, 0), Sight::Copy, "written by a newer function");
    }

    #[test]
    fn a_record_that_takes_anothers_id_is_found() {
        for (path, value) in [
            ("/actor/id", json!("mallory")),
            ("/actor/auth", json!("jwt")),
            ("/request/sourceIp", json!("198.51.100.1")),
            ("/changes", json!([])),
            ("/time/changed", json!("2026-11-23T15:41:09.000Z")),
        ] {
            let mut window = Window::default();
            window.look(&record(1, "task.updated", &[]), 0);
            let forged = record(1, "task.updated", &[(path, value)]);
            assert_eq!(window.look(&forged, 0), Sight::Conflict, "{path}");
        }
    }

    #[test]
    fn the_window_is_bounded_by_time_and_by_number() {
        let mut window = Window { most: 3, ..Window::default() };
        for number in 1..=5 {
            window.look(&record(number, "task.updated", &[]), 0);
        }
        assert_eq!((window.seen.len(), window.order.len()), (3, 3));
        assert_eq!(window.look(&record(5, "task.updated", &[]), 0), Sight::Copy);
        window.look(&record(6, "task.updated", &[]), SPAN + 1);
        assert_eq!(window.seen.len(), 1);
    }
}
