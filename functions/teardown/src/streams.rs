//! Table streams and their shards.

use std::collections::BTreeSet;

use aws_sdk_dynamodbstreams::{
    operation::get_records::GetRecordsOutput,
    types::{Shard, ShardIteratorType},
};

use stacks::done;

use crate::StepError;

/// The client of table streams.
#[derive(Debug, Clone)]
pub struct Streams(pub aws_sdk_dynamodbstreams::Client);

impl Streams {
    /// Lists all shards, of which one at least takes records.
    pub async fn shards(&self, stream: &str) -> Result<Vec<Shard>, StepError> {
        let (mut shards, mut last) = (Vec::new(), None);
        loop {
            let page = self.0.describe_stream().stream_arn(stream).set_exclusive_start_shard_id(last);
            let page = done(page.send().await, "reading the stream")?.stream_description;
            let Some(page) = page else {
                return Err(StepError::Transient("the stream was not described".to_owned()));
            };
            shards.extend(page.shards.unwrap_or_default());
            last = page.last_evaluated_shard_id;
            if last.is_none() {
                break;
            }
        }
        if shards.iter().all(has_ended) {
            return Err(StepError::Transient("the stream shows no open shard".to_owned()));
        }
        Ok(shards)
    }

    /// Opens a shard at its end: what is written later shows.
    pub async fn end_of_shard(&self, stream: &str, shard: &str) -> Result<String, StepError> {
        let iterator = self.0.get_shard_iterator().stream_arn(stream).shard_id(shard);
        let iterator = iterator.shard_iterator_type(ShardIteratorType::Latest).send().await;
        Ok(done(iterator, "opening the stream")?.shard_iterator.unwrap_or_default())
    }

    /// Reads on in a shard.
    pub async fn records(&self, iterator: &str) -> Result<GetRecordsOutput, StepError> {
        Ok(done(self.0.get_records().shard_iterator(iterator).send().await, "reading the stream")?)
    }
}

/// Tells whether a shard takes no more records.
pub fn has_ended(shard: &Shard) -> bool {
    shard.sequence_number_range().and_then(|range| range.ending_sequence_number()).is_some()
}

/// Tells whether a shard has ended and the one that goes on in its place is not listed yet.
pub fn has_heirless_end(shards: &[Shard]) -> bool {
    let parents: BTreeSet<_> = shards.iter().filter_map(Shard::parent_shard_id).collect();
    let mut ended = shards.iter().filter(|shard| has_ended(shard)).filter_map(Shard::shard_id);
    ended.any(|id| !parents.contains(id))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodbstreams::types::SequenceNumberRange;

    use super::*;

    fn shard(id: &str, parent: Option<&str>, ended: bool) -> Shard {
        let range = SequenceNumberRange::builder().starting_sequence_number("1");
        let range = range.set_ending_sequence_number(ended.then(|| "2".to_owned())).build();
        let shard = Shard::builder().shard_id(id).sequence_number_range(range);
        shard.set_parent_shard_id(parent.map(str::to_owned)).build()
    }

    #[test]
    fn a_shard_that_ended_is_followed_by_another_or_the_list_is_not_complete() {
        let (old, heir) = (shard("a", None, true), shard("b", Some("a"), false));
        assert!(!has_heirless_end(&[old.clone(), heir.clone()]));
        assert!(has_heirless_end(&[old, shard("c", None, false)]));
        // A parent that is older than a day is not listed any more.
        assert!(!has_heirless_end(&[heir]));
    }
}
