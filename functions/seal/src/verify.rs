//! Verifies an audit log offline: its records against the manifests, these against the signed checkpoints, and each task's
//! records against each other.
//!
//! Whatever could not be checked is reported too, and rules out `intact`.

mod chain;
mod finding;
mod records;
mod seals;

use std::io;

pub use self::finding::{Finding, Report, Unchecked, Verdict};
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
    /// The time now, and the greatest age in seconds that the newest checkpoint may have.
    pub fresh: Option<(Second, i64)>,
}

/// Verifies a log: its checkpoints and manifests in any order, and the lines of its records, in any order and with copies.
pub fn verify(
    demands: &Demands,
    checkpoints: impl IntoIterator<Item = Document>,
    manifests: impl IntoIterator<Item = Document>,
    records: impl IntoIterator<Item = io::Result<Vec<u8>>>,
) -> Report {
    let mut report = Report::default();
    let mut seals = Seals::read(demands, checkpoints, manifests, &mut report);
    let mut taken = Records::default();
    for (line, record) in (1..).zip(records) {
        match record {
            Ok(record) if record.trim_ascii().is_empty() => {}
            Ok(record) => taken.take(line, &record, &mut seals, &mut report),
            Err(err) => {
                report.unchecked(Unchecked::Unreadable { line, reason: err.to_string() });
                break;
            }
        }
    }
    taken.judge(demands, &seals, &mut report);
    report
}
