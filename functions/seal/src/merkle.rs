//! The Merkle tree of RFC 6962, section 2.1, of which only the right edge is kept.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Returns the hash of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    #[must_use]
    pub fn hex(self) -> String {
        hex::encode(self.0)
    }

    /// Parses 64 lower-case hex digits.
    #[must_use]
    pub fn parse_hex(text: &str) -> Option<Self> {
        let is_lower = text.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).ok().filter(|()| is_lower).map(|()| Self(hash))
    }

    #[must_use]
    pub fn base64(self) -> String {
        BASE64_STANDARD.encode(self.0)
    }

    #[must_use]
    pub fn parse_base64(text: &str) -> Option<Self> {
        BASE64_STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    fn node(left: Self, right: Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        Self::parse_hex(&text).ok_or_else(|| serde::de::Error::custom("a hash is 64 lower-case hex digits"))
    }
}

/// A tree that grows: how many leaves it has, and the roots of the full subtrees that they form, from left to right. One
/// subtree per bit of the size, so that leaves are added without the ones before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    frontier: Vec<Hash>,
}

impl Tree {
    /// Returns the tree of this size and frontier, or `None` if the two do not fit each other.
    #[must_use]
    pub fn restore(size: u64, frontier: Vec<Hash>) -> Option<Self> {
        (frontier.len() == size.count_ones() as usize).then_some(Self { size, frontier })
    }

    /// Adds a leaf, given its leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Every full subtree of the same height as the new one joins it.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.frontier.pop() {
                node = Hash::node(left, node);
            }
        }
        self.frontier.push(node);
        self.size += 1;
    }

    /// Adds leaves.
    pub fn extend(&mut self, leaves: &[Hash]) {
        for leaf in leaves {
            self.push(*leaf);
        }
    }

    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    #[must_use]
    pub fn frontier(&self) -> &[Hash] {
        &self.frontier
    }

    /// Returns the root; that of the empty tree is the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let joined = self.frontier.iter().rev().copied().reduce(|right, left| Hash::node(left, right));
        joined.unwrap_or_else(|| Hash::of(b""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(leaves: &[Hash]) -> Tree {
        let mut tree = Tree::default();
        tree.extend(leaves);
        tree
    }

    fn leaves(count: u32) -> Vec<Hash> {
        (0..count).map(|n| Hash::of(&n.to_be_bytes())).collect()
    }

    /// The definition, word by word.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of(b""),
            [leaf] => *leaf,
            _ => {
                let half = leaves.len().next_power_of_two() / 2;
                Hash::node(naive(&leaves[..half]), naive(&leaves[half..]))
            }
        }
    }

    #[test]
    fn the_roots_are_those_that_other_implementations_publish() {
        // The inputs and roots of Certificate Transparency's reference tests.
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let leaf = |hex: &&str| Hash::of(&[&[0], &hex::decode(hex).unwrap()[..]].concat());
        let leaves: Vec<_> = inputs.iter().map(leaf).collect();
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (count, root) in roots.iter().enumerate() {
            assert_eq!(tree(&leaves[..count]).root().hex(), *root, "{count} leaves");
        }
    }

    #[test]
    fn a_frontier_that_does_not_fit_the_size_is_refused() {
        assert!(Tree::restore(5, leaves(2)).is_some());
        assert!(Tree::restore(5, leaves(3)).is_none());
        assert!(Tree::restore(0, leaves(1)).is_none());
    }

    proptest! {
        /// However often the tree is stored and restored on the way, its root is the one by definition.
        #[test]
        fn the_root_is_the_naive_one(count in 0_u32..200, at in 0_u32..200) {
            let all = leaves(count);
            let at = at.min(count) as usize;
            let before = tree(&all[..at]);
            let mut restored = Tree::restore(before.size(), before.frontier().to_vec()).unwrap();
            restored.extend(&all[at..]);
            prop_assert_eq!(restored.root(), naive(&all));
            prop_assert_eq!(&restored, &tree(&all));
            prop_assert_eq!(restored.size(), u64::from(count));
        }
    }
}
