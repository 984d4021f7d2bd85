//! A report in parts: an event of a log has room for 1 MB ("CloudWatch Logs quotas"; 256 KB until 2025), and a report for every
//! thing of its stack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The schema of a part. It contains the report's, so that a search for reports finds parts too.
pub const PART_SCHEMA: &str = "task.teardown/1#part";
/// The bytes of text in one part: below the older limit too, although quotation marks count twice.
const PART_BYTES: usize = 100_000;

/// One part of a report, a line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    schema: String,
    /// The execution's ARN.
    execution: String,
    /// A name that all parts of one report have, and no other.
    report: String,
    /// The place of this part, from 1, and how many there are.
    #[serde(rename = "part")]
    place: usize,
    of: usize,
    text: String,
}

/// Returns the lines that a report is written as: its own text where that is short, or its parts. `report` names it.
#[must_use]
pub fn lines(text: &str, execution: &str, report: &str) -> Vec<String> {
    if text.len() <= PART_BYTES {
        return vec![text.to_owned()];
    }
    let pieces = pieces(text, PART_BYTES);
    let of = pieces.len();
    let part = |(at, piece): (usize, &str)| Part {
        schema: PART_SCHEMA.to_owned(),
        execution: execution.to_owned(),
        report: report.to_owned(),
        place: at,
        of,
        text: piece.to_owned(),
    };
    let parts = (1..).zip(pieces).map(part);
    parts.filter_map(|part| serde_json::to_string(&part).ok()).collect()
}

/// Returns a text in pieces of at most so many bytes, none of which ends within a letter.
#[must_use]
pub fn pieces(text: &str, bytes: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(bytes));
        pieces.push(piece);
        rest = more;
    }
    pieces
}

/// Puts parts together again, which may come in any order, twice, or not all.
#[derive(Debug, Default)]
pub struct Parts {
    reports: BTreeMap<String, BTreeMap<usize, String>>,
}

impl Parts {
    /// Takes a line of the log. Returns the text of a report that it completes; a line that is no part is complete by itself.
    pub fn take(&mut self, line: &str) -> Option<String> {
        let part = serde_json::from_str::<Part>(line).ok().filter(|part| part.schema == PART_SCHEMA);
        let Some(part) = part else { return Some(line.to_owned()) };
        let pieces = self.reports.entry(part.report.clone()).or_default();
        pieces.insert(part.place, part.text);
        if pieces.len() < part.of {
            return None;
        }
        self.reports.remove(&part.report).map(|pieces| pieces.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_report_is_whole_again_when_its_last_part_is_read_in_whatever_order() {
        let text: String = ["ä\"", &"x".repeat(PART_BYTES - 2), &"€".repeat(PART_BYTES)].concat();
        let mut written = lines(&text, "arn:E", "r");
        assert!(written.len() > 2);
        assert!(written.iter().all(|line| line.len() < 256_000), "an event takes 256 KB");
        written.reverse();
        let mut parts = Parts::default();
        let last = written.pop().unwrap();
        for line in written.iter().chain(&written) {
            assert_eq!(parts.take(line), None);
        }
        for line in lines(&text, "arn:E", "another") {
            assert!(parts.take(&line).is_none_or(|whole| whole == text));
        }
        assert_eq!(parts.take(&last).as_deref(), Some(text.as_str()));
    }

    #[test]
    fn a_short_report_is_a_line() {
        assert_eq!(lines("{}", "arn:E", "r"), ["{}"]);
        assert_eq!(Parts::default().take("{}").as_deref(), Some("{}"));
    }
}
