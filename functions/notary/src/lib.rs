//! The notary: gathers the leaves of audit records from their [`intents`] and seals them, checkpoint after checkpoint
//! ([`notary`]), with a key that it can use but not see ([`signer`]), into a bucket where nothing is written twice ([`store`]).

pub mod error;
pub mod intents;
pub mod journal;
pub mod metrics;
pub mod notary;
pub mod signer;
pub mod store;
