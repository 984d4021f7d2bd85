//! The headers that make a request conditional or repeatable.

use sha2::{Digest, Sha256};

use crate::error::FieldError;

/// The most characters of an idempotency key.
const KEY_MAX: usize = 255;

/// An idempotency key: 1 to [`KEY_MAX`] visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub fn parse(text: &str) -> Result<Self, Vec<FieldError>> {
        if (1..=KEY_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        let detail = format!("Idempotency-Key must be 1 to {KEY_MAX} visible ASCII characters");
        Err(vec![FieldError::new("Idempotency-Key", "value", detail)])
    }

    /// Returns the SHA-256, in hex, that is stored and logged instead of the key, which may itself be confidential.
    #[must_use]
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}

/// The most tags in one conditional header of a write: each becomes an operand of `IN` in the write's condition, and
/// DynamoDB allows 100 ("Quotas in Amazon DynamoDB").
const TAGS_MAX: usize = 50;

/// The conditional headers of a write: `If-Match` and `If-None-Match` (RFC 9110, 13.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preconditions {
    pub if_match: Option<Tags>,
    pub if_none_match: Option<Tags>,
}

impl Preconditions {
    pub fn parse(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, Vec<FieldError>> {
        let if_match = if_match.map(|text| Tags::parse("If-Match", text, Comparison::Strong)).transpose();
        let if_none_match =
            if_none_match.map(|text| Tags::parse("If-None-Match", text, Comparison::Weak)).transpose();
        match (if_match, if_none_match) {
            (Ok(if_match), Ok(if_none_match)) => Ok(Self { if_match, if_none_match }),
            (if_match, if_none_match) => {
                Err([if_match.err(), if_none_match.err()].into_iter().flatten().collect())
            }
        }
    }

    /// Returns whether a task at this version may be written.
    #[must_use]
    pub fn hold_for(&self, version: u64) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.contains(version))
            && !self.if_none_match.as_ref().is_some_and(|tags| tags.contains(version))
    }
}

/// A conditional header's entity tags, as the versions that they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any version of an existing task.
    Any,
    /// Any of these versions; empty when no listed tag is one that the service makes.
    Versions(Vec<u64>),
}

/// The comparison of entity tags (RFC 9110, 8.8.3.2): in a strong one, a weak tag never matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

impl Tags {
    fn parse(header: &str, text: &str, comparison: Comparison) -> Result<Self, FieldError> {
        let invalid = |rule: &str| FieldError::new(header, "value", format!("{header} {rule}"));
        let malformed = || invalid(r#"must be * or a list like "3", "4""#);
        match entity_tags(text).ok_or_else(malformed)? {
            EntityTags::Any => Ok(Self::Any),
            EntityTags::Listed(tags) if tags.len() > TAGS_MAX => {
                Err(invalid(&format!("may list at most {TAGS_MAX} tags")))
            }
            EntityTags::Listed(tags) => {
                let counts = |tag: &&EntityTag<'_>| comparison == Comparison::Weak || !tag.weak;
                Ok(Self::Versions(tags.iter().filter(counts).filter_map(EntityTag::version).collect()))
            }
        }
    }

    /// Returns whether exactly one version is named. Then no two writes with this condition can both succeed.
    #[must_use]
    pub fn is_one_version(&self) -> bool {
        matches!(self, Self::Versions(versions) if versions.len() == 1)
    }

    fn contains(&self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// Returns whether a read's `If-None-Match` (RFC 9110, 13.1.2; weak comparison) names `version`. A malformed header names
/// none.
#[must_use]
pub fn none_match_names(text: &str, version: u64) -> bool {
    match entity_tags(text) {
        Some(EntityTags::Any) => true,
        Some(EntityTags::Listed(tags)) => tags.iter().any(|tag| tag.version() == Some(version)),
        None => false,
    }
}

enum EntityTags<'a> {
    Any,
    Listed(Vec<EntityTag<'a>>),
}

struct EntityTag<'a> {
    weak: bool,
    opaque: &'a str,
}

impl EntityTag<'_> {
    /// Returns the version, if the tag has the form that the service writes: digits without a leading zero.
    fn version(&self) -> Option<u64> {
        let version: u64 = self.opaque.parse().ok()?;
        (version.to_string() == self.opaque).then_some(version)
    }
}

/// Parses `*` or a list of entity tags. Empty elements are ignored (RFC 9110, 5.6.1.2), but there must be a tag.
fn entity_tags(text: &str) -> Option<EntityTags<'_>> {
    if text.trim() == "*" {
        return Some(EntityTags::Any);
    }
    let skip = |text: &str| text.len() - text.trim_start_matches([' ', '\t', ',']).len();
    let mut tags = Vec::new();
    let mut rest = &text[skip(text)..];
    while !rest.is_empty() {
        let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(EntityTag { weak, opaque });
        let separator = &after[..skip(after)];
        rest = &after[separator.len()..];
        if !rest.is_empty() && !separator.contains(',') {
            return None;
        }
    }
    (!tags.is_empty()).then_some(EntityTags::Listed(tags))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::input::tests::pointers;

    #[test]
    fn if_match_compares_strongly_and_if_none_match_weakly() {
        let both = r#""1" ,"20",W/"3","x","04""#;
        let parsed = Preconditions::parse(Some(both), Some(both)).unwrap();
        assert_eq!(parsed.if_match, Some(Tags::Versions(vec![1, 20])));
        assert_eq!(parsed.if_none_match, Some(Tags::Versions(vec![1, 20, 3])));
        assert_eq!(Preconditions::parse(Some(" * "), None).unwrap().if_match, Some(Tags::Any));
        for malformed in ["", " ", ",", "1", r#""1"#, r#""1" "2""#, "*,*", r#"*,"1""#, r#"W/ "1""#] {
            let errors = Preconditions::parse(Some(malformed), Some(malformed)).unwrap_err();
            assert_eq!(pointers(&errors), [("If-Match", "value"), ("If-None-Match", "value")], "{malformed}");
        }
        assert!(none_match_names(r#"W/"3", "4""#, 3));
        assert!(none_match_names("*", 3));
        assert!(!none_match_names(r#""30""#, 3));
        assert!(!none_match_names("3", 3));
    }

    #[test]
    fn preconditions_hold_for_versions_that_are_named_and_not_excluded() {
        let hold = |if_match, if_none_match, version| {
            Preconditions::parse(if_match, if_none_match).unwrap().hold_for(version)
        };
        assert!(hold(None, None, 3));
        assert!(hold(Some("*"), None, 3) && hold(Some(r#""3""#), None, 3));
        assert!(!hold(Some(r#""4""#), None, 3) && !hold(Some(r#""x""#), None, 3));
        assert!(!hold(None, Some("*"), 3) && !hold(None, Some(r#""3""#), 3));
        assert!(hold(None, Some(r#""4""#), 3) && hold(None, Some(r#""x""#), 3));
        assert!(!hold(Some(r#""3""#), Some(r#"W/"3""#), 3));
    }

    #[test]
    fn empty_elements_of_a_tag_list_are_ignored() {
        for list in [r#","3""#, r#""3","#, r#", ,"3" ,	, "4",,"#] {
            assert!(Preconditions::parse(Some(list), None).unwrap().hold_for(3), "{list}");
            assert!(none_match_names(list, 3), "{list}");
        }
    }

    #[test]
    fn idempotency_keys_are_visible_ascii() {
        assert!(IdempotencyKey::parse(&"k".repeat(KEY_MAX)).is_ok());
        for bad in ["", " ", "a b", "é", "a\n", &"k".repeat(KEY_MAX + 1)] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(text in ".*") {
            let _ = (Preconditions::parse(Some(&text), Some(&text)), none_match_names(&text, 1));
            let _ = IdempotencyKey::parse(&text);
        }
    }
}
