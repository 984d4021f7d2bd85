//! A manifest: the leaves that one checkpoint adds.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Minute,
    leaf::Leaf,
    merkle::{Hash, Tree},
};

/// The format of a manifest.
pub const SCHEMA: &str = "audit.manifest/1";

/// The leaves that checkpoint `number` adds, which come from the intents of the minutes `from` to `to`, or were late for the
/// checkpoints before. They are sorted and each stands once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    schema: String,
    pub number: u64,
    pub from: Minute,
    pub to: Minute,
    pub leaves: Vec<Leaf>,
    /// The roots of the full subtrees of all leaves so far, from left to right: what the next checkpoint's root is computed
    /// from.
    pub frontier: Vec<Hash>,
}

impl Manifest {
    /// Returns the manifest that adds these leaves, in any order, to a tree, and the tree after it.
    #[must_use]
    pub fn extend(
        before: &Tree,
        number: u64,
        from: Minute,
        to: Minute,
        mut leaves: Vec<Leaf>,
    ) -> (Self, Tree) {
        leaves.sort_unstable();
        leaves.dedup();
        let mut tree = before.clone();
        tree.extend(&leaves);
        let frontier = tree.frontier().to_vec();
        (Self { schema: SCHEMA.to_owned(), number, from, to, leaves, frontier }, tree)
    }

    /// Parses a manifest and checks all that can be seen of it alone.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(text).map_err(|err| err.to_string())?;
        if manifest.schema != SCHEMA {
            return Err(format!("its schema is {:?}, not {SCHEMA:?}", manifest.schema));
        }
        if manifest.leaves.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err("its leaves are not sorted, or one stands twice".to_owned());
        }
        if manifest.from > manifest.to {
            return Err("its minutes go back".to_owned());
        }
        // White space, and members in another order.
        if manifest.text().as_bytes() != text {
            return Err("it is not written as a manifest is".to_owned());
        }
        Ok(manifest)
    }

    #[must_use]
    pub fn text(&self) -> String {
        // Text and numbers cannot fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns the tree with the leaves of this manifest.
    #[must_use]
    pub fn after(&self, before: &Tree) -> Tree {
        let mut tree = before.clone();
        tree.extend(&self.leaves);
        tree
    }

    /// The name of the object that holds it.
    #[must_use]
    pub fn key(number: u64) -> String {
        format!("manifests/{number:010}.json")
    }

    /// Returns the number in an object's name.
    #[must_use]
    pub fn number_of(key: &str) -> Option<u64> {
        let number = key.strip_prefix("manifests/")?.strip_suffix(".json")?.parse().ok()?;
        (Self::key(number) == key).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_sorted_and_read_as_written() {
        let minute = Minute::of_unix_millis(0);
        let (one, two) = (Hash::of(b"1"), Hash::of(b"2"));
        let (manifest, tree) = Manifest::extend(&Tree::default(), 1, minute, minute, vec![one, two, one]);
        assert_eq!(
            (manifest.leaves.len(), tree.size(), manifest.leaves[0] < manifest.leaves[1]),
            (2, 2, true)
        );
        assert_eq!(Manifest::parse(manifest.text().as_bytes()), Ok(manifest.clone()));
        assert_eq!(manifest.after(&Tree::default()), tree);
        let text = manifest.text();
        for bad in [
            text.replace("manifest/1", "manifest/2"),
            text.replace(&manifest.leaves[0].hex(), &manifest.leaves[1].hex()),
            text.replace(&manifest.leaves[0].hex(), "00"),
            text.replace(&manifest.leaves[0].hex(), &manifest.leaves[0].hex().to_uppercase()),
            text.replace("\"number\":1", "\"number\":1,\"more\":1"),
            text.replace("\"to\":\"1970", "\"to\":\"1969"),
            format!("{text}\n"),
            text.replace(':', ": "),
            String::new(),
        ] {
            assert!(Manifest::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
