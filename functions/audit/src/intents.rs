//! The table in which the audit function says what it is about to write to the log (`seal::intent`).

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use runtime::error_chain;
use seal::{
    Leaf, Minute,
    intent::{LEAVES_MAX, attribute, kept_until, sort_key},
};

/// The leaves and counts of the records of one call.
#[derive(Debug, Default)]
pub(crate) struct Intent {
    pub leaves: Vec<Leaf>,
    /// The oldest minute of the stream's clock.
    pub streamed: Option<Minute>,
    pub quarantined: u64,
    pub unknown_actors: u64,
}

/// The table of intents, as this instance writes to it.
#[derive(Debug)]
pub struct Intents {
    client: Client,
    table: String,
    instance: String,
    /// The number of the next item: never used before by an instance of this name, so that no item replaces another.
    next: AtomicU64,
}

impl Intents {
    /// Returns the table as an instance writes to it that started at this Unix time in milliseconds.
    #[must_use]
    pub fn new(client: Client, table: String, instance: String, started: u64) -> Self {
        Self { client, table, instance, next: AtomicU64::new(started) }
    }

    /// Stores an intent. Whatever it speaks of must be written only after that.
    pub(crate) async fn store(
        &self,
        intent: &Intent,
        minute: Minute,
        first_sequence_number: &str,
    ) -> Result<(), String> {
        // An intent without leaves has one item too, for its counts.
        let parts = intent.leaves.chunks(LEAVES_MAX).map(Some);
        for (at, leaves) in parts.chain((intent.leaves.is_empty()).then_some(None)).enumerate() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let name = sort_key(first_sequence_number, &self.instance, number);
            let leaves: Vec<u8> = leaves.into_iter().flatten().flat_map(|leaf| leaf.0).collect();
            // Counted once, with the first part.
            let count = |count: u64| AttributeValue::N(if at == 0 { count } else { 0 }.to_string());
            let put = self.client.put_item().table_name(&self.table);
            let put = put
                .item(attribute::PARTITION_KEY, AttributeValue::S(minute.to_string()))
                .item(attribute::SORT_KEY, AttributeValue::S(name))
                .item(attribute::LEAVES, AttributeValue::B(Blob::new(leaves)))
                .item(attribute::STREAMED, AttributeValue::S(intent.streamed.unwrap_or(minute).to_string()))
                .item(attribute::QUARANTINED, count(intent.quarantined))
                .item(attribute::UNKNOWN_ACTORS, count(intent.unknown_actors))
                .item(attribute::TTL, AttributeValue::N(kept_until(minute).to_string()));
            put.send().await.map_err(|err| format!("the intent cannot be stored: {}", error_chain(&err)))?;
        }
        Ok(())
    }
}
