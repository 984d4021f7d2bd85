//! Verifies an audit log offline: its records against the manifests, these against the signed checkpoints, and each task's
//! records against each other.
//!
//! Whatever could not be checked is reported too, and rules out `intact`.

mod chain;
mod finding;
mod records;
mod seals;

use std::io;

pub use self::finding::{Finding, Last, Report, Unchecked, Verdict};
use self::{records::Records, seals::Seals};
use crate::{Minute, Second, VerifierKey};

/// A file of the bundle: the number in its name, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub number: u64,
    pub content: Vec<u8>,
}

/// The requirements that a log is verified against.
#[derive(Debug, Clone, Default)]
pub struct Demands {
    /// The keys that are trusted, from elsewhere than the bundle.
    pub keys: Vec<VerifierKey>,
    /// The log's name, if it is known: the origin of each checkpoint.
    pub origin: Option<String>,
    /// The first minute that matters, for a log whose older records have expired.
    pub since: Option<Minute>,
    /// The last minute that matters. The checkpoints must reach it, however old they are.
    pub until: Option<Minute>,
    /// The time now, and the greatest age in seconds that the newest checkpoint may have.
    pub fresh: Option<(Second, i64)>,
}

/// A verification to which the lines of the log are given one by one, in any order and with copies.
#[derive(Debug)]
pub struct Verification {
    demands: Demands,
    seals: Seals,
    records: Records,
    report: Report,
}

impl Verification {
    /// Verifies the checkpoints and manifests, which may come in any order.
    pub fn begin(
        demands: Demands,
        checkpoints: impl IntoIterator<Item = Document>,
        manifests: impl IntoIterator<Item = Document>,
    ) -> Self {
        let mut report = Report::default();
        let seals = Seals::read(&demands, checkpoints, manifests, &mut report);
        Self { demands, seals, records: Records::default(), report }
    }

    /// Says that the lines are those of the log from this minute on, by its own time.
    pub fn only_from(&mut self, minute: Minute) {
        self.records.from = Some(minute);
    }

    /// Takes a line. Lines without text are none.
    pub fn take(&mut self, line: u64, text: &[u8]) {
        self.records.take(line, text, false, &mut self.seals, &mut self.report);
    }

    /// Takes a line of a log that goes on, which may be newer than the newest checkpoint: it is counted then, and not judged.
    pub fn take_of_growing(&mut self, line: u64, text: &[u8]) {
        self.records.take(line, text, true, &mut self.seals, &mut self.report);
    }

    /// Notes that the lines end with an error.
    pub fn unreadable(&mut self, line: u64, error: &io::Error) {
        self.report.unchecked(Unchecked::Unreadable { line, reason: error.to_string() });
    }

    /// Returns the last minute that is sealed.
    #[must_use]
    pub fn sealed_until(&self) -> Option<Minute> {
        self.seals.sealed.map(|(_, last)| last)
    }

    /// Judges what is not sealed and what is not there.
    #[must_use]
    pub fn end(mut self) -> Report {
        self.records.judge(&self.demands, &self.seals, &mut self.report);
        self.report
    }
}

/// Verifies a log: its checkpoints and manifests in any order, and the lines of its records, in any order and with copies.
pub fn verify(
    demands: &Demands,
    checkpoints: impl IntoIterator<Item = Document>,
    manifests: impl IntoIterator<Item = Document>,
    records: impl IntoIterator<Item = io::Result<Vec<u8>>>,
) -> Report {
    let mut verification = Verification::begin(demands.clone(), checkpoints, manifests);
    for (line, record) in (1..).zip(records) {
        match record {
            Ok(record) => verification.take(line, &record),
            Err(err) => {
                verification.unreadable(line, &err);
                break;
            }
        }
    }
    verification.end()
}
