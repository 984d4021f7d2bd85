//! The leaf of a record: the RFC 6962 leaf hash of all it says.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    canonical::{NotCanonical, canonical},
    merkle::Hash,
};

/// A record's leaf.
pub type Leaf = Hash;

/// Returns a record's leaf: the SHA-256 of a zero byte and the record's canonical form without `time.audited`, the one member
/// that differs when a change is delivered again, and without `integrity.record`, which holds the leaf itself. So all copies of
/// a record have one leaf.
pub fn leaf(record: &Value) -> Result<Leaf, NotCanonical> {
    let mut record = record.clone();
    for (object, member) in [("time", "audited"), ("integrity", "record")] {
        if let Some(Value::Object(members)) = record.get_mut(object) {
            members.remove(member);
        }
    }
    canonical(&record).map(|bytes| leaf_of(&bytes))
}

/// Returns the leaf of a record in its canonical form, from which both members are left out already.
#[must_use]
pub fn leaf_of(canonical: &[u8]) -> Leaf {
    Hash(Sha256::new().chain_update([0]).chain_update(canonical).finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn copies_have_one_leaf_and_everything_else_counts() {
        let record = json!({"eventId": "1", "time": {"changed": "a", "audited": "b"}, "integrity": {"before": null, "record": "c"}});
        let copy =
            json!({"integrity": {"before": null}, "time": {"audited": "z", "changed": "a"}, "eventId": "1"});
        assert_eq!(leaf(&record), leaf(&copy));
        for other in [
            json!({"eventId": "1", "time": {"changed": "a"}, "integrity": {"before": null}, "audited": "b"}),
            json!({"eventId": "1", "time": {"changed": "A"}, "integrity": {"before": null}}),
            json!({"eventId": "1", "time": {"changed": "a"}, "integrity": {}}),
            json!({"eventId": "1", "time": {"changed": "a"}, "integrity": "c"}),
        ] {
            assert_ne!(leaf(&record), leaf(&other), "{other}");
        }
    }
}
