//! Items as the stream shows them, and the hash of one.

use std::{
    borrow::{Borrow, Cow},
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A text of a stream record: part of the record itself unless it has escapes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// An attribute value in DynamoDB JSON. Numbers stay text: DynamoDB keeps 38 digits, a float 15.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attribute<'a> {
    #[serde(borrow)]
    S(Text<'a>),
    #[serde(borrow)]
    N(Text<'a>),
    #[serde(borrow)]
    B(Text<'a>),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(bool),
    #[serde(borrow, rename = "SS")]
    Strings(BTreeSet<Text<'a>>),
    #[serde(borrow, rename = "NS")]
    Numbers(BTreeSet<Text<'a>>),
    #[serde(borrow, rename = "BS")]
    Blobs(BTreeSet<Text<'a>>),
    #[serde(borrow)]
    L(Vec<Attribute<'a>>),
    #[serde(borrow)]
    M(Image<'a>),
}

/// An item as the stream shows it. Its JSON is canonical: names and sets sorted, no white space.
pub type Image<'a> = BTreeMap<Text<'a>, Attribute<'a>>;

/// Returns the SHA-256, in hex, of an image's canonical form.
#[must_use]
pub fn fingerprint(image: &Image<'_>) -> String {
    // A map with text keys cannot fail to serialise.
    hex::encode(Sha256::digest(serde_json::to_vec(image).unwrap_or_default()))
}
