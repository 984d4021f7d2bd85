//! A task: its id, the rules of its fields and its status transitions.

mod timestamp;

pub use self::timestamp::{Bound, Timestamp};

use std::{borrow::Cow, fmt};

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    error::FieldError,
    item::{Field, attribute},
};

/// The longest title, in Unicode scalar values after trimming.
pub const TITLE_MAX: usize = 200;
/// The longest assignee, in Unicode scalar values after trimming.
pub const ASSIGNEE_MAX: usize = 100;
/// The longest description, in Unicode scalar values.
pub const DESCRIPTION_MAX: usize = 4_000;

/// A task's id: a UUIDv7 (RFC 9562), so that ids sort by creation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(Uuid);

impl TaskId {
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default that differs on every call would surprise")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Parses an id in the one form that the service writes: lower case, hyphenated, version 7.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(Uuid::try_parse(text).ok()?);
        let one_form = id.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text;
        (id.0.get_version_num() == 7 && one_form).then_some(id)
    }

    /// Returns the creation time that the id carries.
    #[must_use]
    pub fn created_at(self) -> Option<Timestamp> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        Timestamp::from_unix_millis(i64::try_from(seconds).ok()? * 1_000 + i64::from(nanos / 1_000_000))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Defines an enum with the text of each value on the wire and in the table.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub enum $name { $(#[serde(rename = $text)] $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }
    };
}

wire_enum! {
    /// The status of a task. [`Status::can_become`] defines the allowed transitions.
    Status { Pending = "PENDING", InProgress = "IN_PROGRESS", Completed = "COMPLETED", Cancelled = "CANCELLED" }
}

wire_enum! {
    /// How urgent a task is.
    Priority { Low = "LOW", Normal = "NORMAL", High = "HIGH" }
}

impl Status {
    /// Returns whether there is still something to do.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::InProgress => true,
            Self::Completed | Self::Cancelled => false,
        }
    }

    /// Returns whether a task may move from this status to `next`: always, except out of `CANCELLED`, which is final.
    /// Every status may stay as it is.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        match (self, next) {
            (
                Self::Pending | Self::InProgress | Self::Completed,
                Self::Pending | Self::InProgress | Self::Completed | Self::Cancelled,
            )
            | (Self::Cancelled, Self::Cancelled) => true,
            (Self::Cancelled, Self::Pending | Self::InProgress | Self::Completed) => false,
        }
    }
}

/// A line of text, trimmed: 1 to `MAX` characters, no control characters, at least one visible one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line<const MAX: usize>(String);

/// A task's title.
pub type Title = Line<TITLE_MAX>;
/// The person or system that a task is assigned to: a name, an address or an id.
pub type Assignee = Line<ASSIGNEE_MAX>;

impl<const MAX: usize> Line<MAX> {
    /// The error is the broken rule, worded for the client.
    pub fn parse(text: &str) -> Result<Self, String> {
        let line = text.trim();
        match line.chars().count() {
            0 => Err("must not be empty".to_owned()),
            length if length > MAX => Err(format!("must be at most {MAX} characters")),
            _ if line.chars().any(char::is_control) => Err("must not contain control characters".to_owned()),
            _ if !line.chars().any(is_visible) => Err("must contain a visible character".to_owned()),
            _ => Ok(Self(line.to_owned())),
        }
    }

    /// Takes a stored line without checking it: the rules may have been laxer when it was written.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Fillers and blanks: characters that Unicode counts as letters or symbols although nothing is to be seen.
const BLANK: [char; 8] =
    ['\u{115F}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{FFA0}', '\u{13441}', '\u{13442}', '\u{1D159}'];

/// Returns whether a character is visible by itself: no white space, no format character, no mark that only extends the
/// character before it, no filler. `escape_debug` escapes all of these but the fillers and the plain space.
fn is_visible(character: char) -> bool {
    character.is_ascii_graphic()
        || (!character.is_whitespace()
            && character.escape_debug().eq([character])
            && !BLANK.contains(&character))
}

/// A task's description: 0 to [`DESCRIPTION_MAX`] characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Description(String);

impl Description {
    /// The error is the broken rule, worded for the client.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > DESCRIPTION_MAX {
            return Err(format!("must be at most {DESCRIPTION_MAX} characters"));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A task that a client asks to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    pub title: Title,
    pub description: Description,
    pub status: Status,
    pub priority: Priority,
    pub due_at: Option<Timestamp>,
    // Left out when null, so that a draft without it has the same fingerprint as before the field existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Assignee>,
}

impl Draft {
    /// Returns the SHA-256, in hex, by which a replayed create is recognised. It is stored for a day, so a new version of the
    /// service must compute the same one.
    pub fn fingerprint(&self) -> Result<String, serde_json::Error> {
        Ok(hex::encode(Sha256::digest(serde_json::to_vec(self)?)))
    }
}

/// A change that a client asks for: `None` keeps a field, `Some(None)` clears it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub title: Option<Title>,
    pub description: Option<Description>,
    pub status: Option<Status>,
    pub priority: Option<Priority>,
    pub due_at: Option<Option<Timestamp>>,
    pub assignee: Option<Option<Assignee>>,
    pub stated: Stated,
}

/// The read-only members that a client repeats in a change. The change is applied only if each equals the task's own.
/// (`id` is compared with the path while parsing.)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stated {
    pub version: Option<u64>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub created_by: Option<String>,
    pub updated_by: Option<String>,
}

/// A value as the table stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(u64),
}

impl Stated {
    /// Returns each member with the value that the client stated, if any.
    #[must_use]
    pub fn members(&self) -> [(&'static str, Option<Scalar<'_>>); 5] {
        let Self { version, created_at, updated_at, created_by, updated_by } = self;
        let time = |at: &Option<Timestamp>| at.map(|at| Scalar::Text(at.to_string().into()));
        let text = |text: &'_ Option<String>| text.clone().map(|text| Scalar::Text(text.into()));
        [
            (attribute::VERSION, version.map(Scalar::Number)),
            (attribute::CREATED_AT, time(created_at)),
            (attribute::UPDATED_AT, time(updated_at)),
            (attribute::CREATED_BY, text(created_by)),
            (attribute::UPDATED_BY, text(updated_by)),
        ]
    }

    /// Returns whether this is a member of a task that only the service sets.
    #[must_use]
    pub fn is_read_only(name: &str) -> bool {
        name == "id" || Self::default().members().iter().any(|(member, _)| *member == name)
    }

    /// Returns one error per stated member that differs from `task`'s.
    #[must_use]
    pub fn errors(&self, task: &Task) -> Vec<FieldError> {
        let actual = Self::of(task);
        let stated = self.members().into_iter().zip(actual.members());
        stated
            .filter(|((_, stated), (_, actual))| stated.is_some() && stated != actual)
            .map(|((name, _), _)| FieldError::read_only(name))
            .collect()
    }

    fn of(task: &Task) -> Self {
        // No `..`, so that a new member of a task has to be listed here.
        let Task {
            id: _,
            title: _,
            description: _,
            status: _,
            priority: _,
            due_at: _,
            assignee: _,
            version,
            created_at,
            updated_at,
            created_by,
            updated_by,
        } = task;
        Self {
            version: Some(*version),
            created_at: Some(*created_at),
            updated_at: Some(*updated_at),
            created_by: Some(created_by.clone()),
            updated_by: Some(updated_by.clone()),
        }
    }
}

impl Change {
    /// Returns the fields that the change sets, each with its new text, or `None` where it is cleared.
    pub fn values(&self) -> impl Iterator<Item = (Field, Option<Cow<'_, str>>)> {
        let Self { title, description, status, priority, due_at, assignee, stated: _ } = self;
        let each: [(Field, Option<Option<Cow<'_, str>>>); Field::ALL.len()] = [
            (Field::Title, title.as_ref().map(|title| Some(title.as_str().into()))),
            (Field::Description, description.as_ref().map(|description| Some(description.as_str().into()))),
            (Field::Status, status.map(|status| Some(status.as_str().into()))),
            (Field::Priority, priority.map(|priority| Some(priority.as_str().into()))),
            (Field::DueAt, due_at.map(|due_at| due_at.map(|at| at.to_string().into()))),
            (Field::Assignee, assignee.as_ref().map(|new| new.as_ref().map(|new| new.as_str().into()))),
        ];
        each.into_iter().filter_map(|(field, value)| Some((field, value?)))
    }

    /// Returns whether the change would alter `task`.
    #[must_use]
    pub fn differs_from(&self, task: &Task) -> bool {
        let present = task.values();
        self.values().any(|(field, value)| !present.contains(&(field, value)))
    }
}

/// A live task, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub id: TaskId,
    pub title: Title,
    pub description: Description,
    pub status: Status,
    pub priority: Priority,
    pub due_at: Option<Timestamp>,
    pub assignee: Option<Assignee>,
    pub version: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub created_by: String,
    pub updated_by: String,
}

impl Task {
    /// Returns each field with its text, `None` for null.
    #[must_use]
    pub fn values(&self) -> [(Field, Option<Cow<'_, str>>); Field::ALL.len()] {
        let Self {
            title,
            description,
            status,
            priority,
            due_at,
            assignee,
            id: _,
            version: _,
            created_at: _,
            updated_at: _,
            created_by: _,
            updated_by: _,
        } = self;
        [
            (Field::Title, Some(title.as_str().into())),
            (Field::Description, Some(description.as_str().into())),
            (Field::Status, Some(status.as_str().into())),
            (Field::Priority, Some(priority.as_str().into())),
            (Field::DueAt, due_at.map(|at| at.to_string().into())),
            (Field::Assignee, assignee.as_ref().map(|assignee| assignee.as_str().into())),
        ]
    }

    /// Returns version 1 of a task. `at` is the creation time that `id` carries.
    #[must_use]
    pub fn created(id: TaskId, draft: Draft, by: &str, at: Timestamp) -> Self {
        let Draft { title, description, status, priority, due_at, assignee } = draft;
        Self {
            id,
            title,
            description,
            status,
            priority,
            due_at,
            assignee,
            version: 1,
            created_at: at,
            updated_at: at,
            created_by: by.to_owned(),
            updated_by: by.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cancelled_is_final_and_every_other_transition_is_allowed() {
        for from in Status::ALL {
            for to in Status::ALL {
                let allowed = *from != Status::Cancelled || to == from;
                assert_eq!(from.can_become(*to), allowed, "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    fn titles_are_trimmed_and_counted_in_characters() {
        assert_eq!(Title::parse("  é  ").unwrap().as_str(), "é");
        assert!(Title::parse(&"é".repeat(TITLE_MAX)).is_ok());
        assert!(Title::parse(&"é".repeat(TITLE_MAX + 1)).is_err());
        assert!(Title::parse(" \n ").is_err());
        assert!(Title::parse("a\u{7}b").is_err());
    }

    #[test]
    fn a_title_needs_a_visible_character() {
        for visible in
            ["a", "é", "猫", "ß", "🎉", "-", "\u{200B}x", "e\u{301}", "\u{905}", "👩\u{200D}🚀", "❤\u{FE0F}"]
        {
            assert!(Title::parse(visible).is_ok(), "{visible:?}");
        }
        for invisible in [
            "\u{200B}",
            "\u{FEFF}",
            "\u{200D}\u{200C}",
            "\u{2060}",
            "\u{AD}",
            "\u{301}",
            "\u{FE0F}",
            "\u{34F}",
            "\u{2800}",
            "\u{3164}",
            "\u{115F}",
            "\u{1160}",
            "\u{FFA0}",
            "\u{202E}",
            "\u{E0041}",
            "\u{180E}",
            "\u{1D173}",
            "\u{13441}",
            "\u{1D159}",
        ] {
            assert!(Title::parse(invisible).is_err(), "{invisible:?}");
            assert!(Title::parse(&format!(" {invisible}\u{2003}{invisible} ")).is_err(), "{invisible:?}");
        }
        assert_eq!(
            Title::stored("\u{200B}").as_str(),
            "\u{200B}",
            "a title stored under older rules stays readable"
        );
    }

    #[test]
    fn a_drafts_fingerprint_survives_a_new_field() {
        let draft = Draft {
            title: Title::parse("a").unwrap(),
            description: Description::default(),
            status: Status::Pending,
            priority: Priority::Normal,
            due_at: None,
            assignee: None,
        };
        // printf '{"title":"a","description":"","status":"PENDING","priority":"NORMAL","dueAt":null}' | sha256sum
        let before = "c0dcf5cd35e903e0572ea881d4fc29058cb30e1fbfcd11733f8140ef49c91d42";
        assert_eq!(draft.fingerprint().unwrap(), before);
        let assigned = Draft { assignee: Assignee::parse("ann").ok(), ..draft };
        assert_ne!(assigned.fingerprint().unwrap(), before);
    }

    #[test]
    fn descriptions_may_be_empty_or_have_many_lines() {
        assert!(Description::parse("").is_ok());
        assert!(Description::parse(&"\n".repeat(DESCRIPTION_MAX)).is_ok());
        assert!(Description::parse(&"x".repeat(DESCRIPTION_MAX + 1)).is_err());
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = TaskId::new();
        assert_eq!(TaskId::parse(&id.to_string()), Some(id));
        assert_eq!(TaskId::parse(&id.to_string().to_uppercase()), None);
        assert_eq!(TaskId::parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), None, "not version 7");
        assert_eq!(TaskId::parse(""), None);
    }

    #[test]
    fn an_id_carries_its_creation_time() {
        let before = Timestamp::now();
        let at = TaskId::new().created_at().unwrap();
        assert!(before <= at && at <= Timestamp::now());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = (Timestamp::parse(&text), TaskId::parse(&text), Title::parse(&text), Status::parse(&text));
        }
    }
}
