//! An intent: the leaves of the records that the audit function is about to write, as an item in a table of its own.
//!
//! Its key is the minute of the function's clock and, below it, a name that no other intent has, so that none replaces another.

use crate::clock::Minute;

/// The attributes of the item.
pub mod attribute {
    /// The minute.
    pub const PARTITION_KEY: &str = "PK";
    /// The first record's sequence number, the function instance, and a number that the instance uses once.
    pub const SORT_KEY: &str = "SK";
    /// The leaves, 32 bytes each, as one binary value.
    pub const LEAVES: &str = "leaves";
    /// The oldest minute by the stream's clock: no copy of one of the records was made before it.
    pub const STREAMED: &str = "streamed";
    /// The number of stream records that went to quarantine.
    pub const QUARANTINED: &str = "quarantined";
    /// The number of records whose actor is unknown.
    pub const UNKNOWN_ACTORS: &str = "unknownActors";
    /// The Unix time, in seconds, at which DynamoDB may remove the item.
    pub const TTL: &str = "ttl";
}

/// The days that an intent is kept: longer than a notary may stand still before someone looks after it.
pub const DAYS: i64 = 40;

/// The most leaves in one item, which DynamoDB limits to 400 KB.
pub const LEAVES_MAX: usize = 9_000;

/// The length of a leaf in bytes.
pub const LEAF_BYTES: usize = 32;

/// Returns the sort key of an intent.
#[must_use]
pub fn sort_key(first_sequence_number: &str, instance: &str, number: u64) -> String {
    format!("{first_sequence_number}#{instance}#{number}")
}

/// Returns the Unix time in seconds until which the intent of a minute is kept.
#[must_use]
pub fn kept_until(minute: Minute) -> i64 {
    minute.start().unix() + DAYS * 24 * 60 * 60
}
