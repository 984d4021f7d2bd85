//! Lists: the part of the table or of an index that one Query reads.

use std::collections::HashMap;

use super::item::{Attributes, Item, Malformed, task_key, text};
use tasks::{
    input::{DueRange, Filter, Position},
    item::{BY_DUE_DATE, Field, Index, PARTITION_KEY, SORT_KEY, TASK_PREFIX},
    task::Timestamp,
};

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
        [("#owner", partition_key), ("#sort", self.sort_key())]
            .map(|(name, key)| (name.into(), key.into()))
            .into()
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

    /// Returns the key of a task at this place, in the table and in the index.
    pub fn key_at(&self, position: Position) -> Attributes {
        let mut key = task_key(self.owner, position.id);
        let Some(index) = self.index else { return key };
        key.insert(index.partition_key.to_owned(), text(self.owner));
        let sort_key = match &self.keys {
            Keys::Prefix(prefix) => Some(format!("{prefix}{}", position.id)),
            Keys::Between(..) => position.due_at.map(|due_at| due_at.to_string()),
        };
        key.extend(sort_key.map(|sort_key| (index.sort_key.to_owned(), text(sort_key))));
        key
    }

    /// Returns the place that a key names.
    pub fn position(&self, key: &Item) -> Result<Position, Malformed> {
        let due_at = match self.index {
            Some(index) if index == BY_DUE_DATE => {
                let name = Field::DueAt.name();
                Some(Timestamp::parse(key.text(name)?).ok_or(Malformed(name))?)
            }
            Some(_) | None => None,
        };
        Ok(Position { id: key.task_id()?, due_at })
    }
}

/// Returns the keys of a range. Times are stored in one form of fixed length, in milliseconds, so that they sort as text; they
/// begin with a digit, and `:` is the character after `9`.
fn between(range: DueRange) -> Keys {
    let text = |time: Option<Timestamp>| time.map_or_else(|| "0".to_owned(), |time| time.to_string());
    let to = range
        .before
        .map_or_else(|| ":".to_owned(), |before| text(Timestamp::from_unix_millis(before.unix_millis() - 1)));
    Keys::Between(text(range.after), to)
}
