//! Lists: the part of the table or of an index that one Query reads.

use std::collections::HashMap;

use super::item::{Attributes, Item, Malformed, shown, text};
use tasks::{
    input::{DueRange, Filter, Position},
    item::{Index, PARTITION_KEY, SORT_KEY, TASK_PREFIX},
    task::Timestamp,
};

/// The longest sort key of a table or an index, in bytes.
const SORT_KEY_MAX: usize = 1024;

/// The tasks of one owner that match a filter, by their sort keys.
pub struct List<'a> {
    owner: &'a str,
    pub index: Option<Index>,
    keys: Keys,
}

/// A part of a sort key's values.
enum Keys {
    /// Those that begin so.
    Prefix(String),
    /// From the first to the second, both included.
    Between(String, String),
}

impl Keys {
    fn contain(&self, key: &str) -> bool {
        match self {
            Self::Prefix(prefix) => key.starts_with(prefix),
            Self::Between(from, to) => (from.as_str()..=to.as_str()).contains(&key),
        }
    }
}

impl<'a> List<'a> {
    pub fn of(owner: &'a str, filter: Option<&Filter>) -> Self {
        let keys = match filter {
            None => Keys::Prefix(TASK_PREFIX.to_owned()),
            Some(Filter::Status(status)) => Keys::Prefix(Index::prefix(status.as_str())),
            Some(Filter::Assignee(assignee)) => Keys::Prefix(Index::prefix(assignee.as_str())),
            Some(Filter::Due(range)) => between(*range),
        };
        Self { owner, index: filter.map(Filter::index), keys }
    }

    fn sort_key(&self) -> &'static str {
        self.index.map_or(SORT_KEY, |index| index.sort_key)
    }

    pub fn condition(&self) -> String {
        let keys = match self.keys {
            Keys::Prefix(_) => "begins_with(#sort, :from)",
            Keys::Between(..) => "#sort BETWEEN :from AND :to",
        };
        format!("#owner = :owner AND {keys}")
    }

    pub fn names(&self) -> HashMap<String, String> {
        let partition_key = self.index.map_or(PARTITION_KEY, |index| index.partition_key);
        let keys = [("#owner".to_owned(), partition_key), ("#sort".to_owned(), self.sort_key())];
        let shown = shown().map(|name| (format!("#{name}"), name));
        keys.into_iter().chain(shown).map(|(name, key)| (name, key.to_owned())).collect()
    }

    /// Returns the attributes to read: without the rest, a page is half as long.
    pub fn projection() -> String {
        shown().map(|name| format!("#{name}")).collect::<Vec<_>>().join(", ")
    }

    pub fn values(&self) -> Attributes {
        let mut values = Attributes::from([(":owner".to_owned(), text(self.owner))]);
        match &self.keys {
            Keys::Prefix(from) => drop(values.insert(":from".to_owned(), text(from))),
            Keys::Between(from, to) => {
                values.extend([(":from", from), (":to", to)].map(|(name, key)| (name.to_owned(), text(key))));
            }
        }
        values
    }

    /// Returns the key of an item at this place, in the table and in the index. Returns `None` for a place outside the list, and
    /// for keys that no item can have: DynamoDB refuses to start there.
    pub fn key_at(&self, position: &Position) -> Option<Attributes> {
        let sort_key = &position.sort_key;
        let listed = if self.index.is_some() { position.index_key.as_ref()? } else { sort_key };
        let possible = [sort_key, listed].iter().all(|key| (1..=SORT_KEY_MAX).contains(&key.len()));
        if !possible || !self.keys.contain(listed) {
            return None;
        }
        let mut key = vec![(PARTITION_KEY, self.owner), (SORT_KEY, sort_key)];
        if let Some(index) = self.index {
            key.extend([(index.partition_key, self.owner), (index.sort_key, listed)]);
        }
        Some(key.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect())
    }

    /// Returns the place that a key names.
    pub fn position(&self, key: &Item<'_>) -> Result<Position, Malformed> {
        let index_key = self.index.map(|index| key.text(index.sort_key)).transpose()?;
        Ok(Position { sort_key: key.text(SORT_KEY)?.to_owned(), index_key: index_key.map(str::to_owned) })
    }
}

/// Returns the keys of a range. Times are stored in one form of fixed length, so that they sort as text; they begin with a digit,
/// and `:` is the character after `9`. A bound goes without its `Z`: just before the time itself, so the first is included, the
/// second is not, and two that are the same have nothing between them.
fn between(range: DueRange) -> Keys {
    let bound = |time: Timestamp| time.to_string().trim_end_matches('Z').to_owned();
    Keys::Between(
        range.after.map_or_else(|| "0".to_owned(), bound),
        range.before.map_or_else(|| ":".to_owned(), bound),
    )
}
