//! The place of a record in the order of its task's changes.

use std::sync::Arc;

use serde_json::Value;

/// A place in the table's history. A stream that was switched off and on again has a new label, which is the time of its creation;
/// within a stream, sequence numbers count, and have more digits than any integer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place<Text> {
    /// The stream's label.
    pub stream: Text,
    digits: usize,
    /// Without leading zeros.
    number: Text,
}

impl<'a> Place<&'a str> {
    /// Returns the place of a record. What does not say where it stands, stands first.
    #[must_use]
    pub fn of(record: &'a Value) -> Self {
        let source = |member: &str| record["source"][member].as_str().unwrap_or_default();
        let stream = source("streamArn").rsplit_once("/stream/").map_or("", |(_, label)| label);
        let number = source("sequenceNumber").trim_start_matches('0');
        Self { stream, digits: number.len(), number }
    }

    /// Returns the place with texts of its own. Many records share a stream.
    #[must_use]
    pub fn kept(self, stream: Arc<str>) -> Place<Arc<str>> {
        Place { stream, digits: self.digits, number: self.number.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Place;

    #[test]
    fn places_are_in_the_order_of_streams_and_then_of_numbers() {
        let record = |stream: &str, number: &str| {
            let arn = format!("arn:aws:dynamodb:eu-west-1:0:table/t/stream/{stream}");
            json!({"source": {"streamArn": arn, "sequenceNumber": number}})
        };
        let (earlier, later) = ("2026-11-28T08:00:00.000", "2026-11-28T09:00:00.000");
        let in_order = [
            json!({}),
            record(earlier, "0009"),
            record(earlier, "10"),
            record(earlier, "100000000000000000000000000000000000000"),
            record(later, "1"),
        ];
        let places: Vec<_> = in_order.iter().map(Place::of).collect();
        assert!(places.is_sorted() && places.windows(2).all(|pair| pair[0] != pair[1]), "{places:?}");
        assert_eq!(Place::of(&record(later, "00007")), Place::of(&record(later, "7")));
    }
}
