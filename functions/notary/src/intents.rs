//! Reads what the audit function said it would write.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use seal::{
    Hash, Leaf, Minute,
    intent::{LEAF_BYTES, attribute},
};

use crate::error::Error;

/// The table of intents.
#[derive(Debug, Clone)]
pub struct Intents {
    pub client: Client,
    pub table: String,
}

/// The intents of one minute.
#[derive(Debug, Default)]
pub struct OfMinute {
    pub leaves: Vec<Leaf>,
    /// The oldest minute of the stream's clock.
    pub streamed: Option<Minute>,
    pub quarantined: u64,
    pub unknown_actors: u64,
}

impl Intents {
    pub async fn of_minute(&self, minute: Minute) -> Result<OfMinute, Error> {
        let mut found = OfMinute::default();
        let mut start = None;
        loop {
            let query = self.client.query().table_name(&self.table).consistent_read(true);
            let query = query
                .key_condition_expression("#minute = :minute")
                .expression_attribute_names("#minute", attribute::PARTITION_KEY)
                .expression_attribute_values(":minute", AttributeValue::S(minute.to_string()));
            let page = query.set_exclusive_start_key(start).send().await;
            let page = page.map_err(|err| Error::aws("reading intents")(&err))?;
            for item in page.items() {
                found.add(item).ok_or_else(|| {
                    Error::Untrusted(format!(
                        "an intent of {minute} is not one of the audit function: its item is malformed"
                    ))
                })?;
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}

impl OfMinute {
    fn add(&mut self, item: &HashMap<String, AttributeValue>) -> Option<()> {
        let bytes = item.get(attribute::LEAVES)?.as_b().ok()?.as_ref();
        let (leaves, rest) = bytes.as_chunks::<LEAF_BYTES>();
        self.leaves.extend(leaves.iter().map(|leaf| Hash(*leaf)));
        let streamed = Minute::parse(item.get(attribute::STREAMED)?.as_s().ok()?)?;
        self.streamed = Some(self.streamed.map_or(streamed, |oldest| oldest.min(streamed)));
        let count = |name: &str| item.get(name)?.as_n().ok()?.parse::<u64>().ok();
        self.quarantined += count(attribute::QUARANTINED)?;
        self.unknown_actors += count(attribute::UNKNOWN_ACTORS)?;
        rest.is_empty().then_some(())
    }
}
