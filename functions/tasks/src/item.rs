//! The table's schema, once: keys, attributes, and each field of a task with its place in the audit log and in an index.
//!
//! The store writes items by it and the audit log reads them by it. `functions/tasks/schema.json` is its snapshot, from which
//! the CDK app makes the table; a test below compares the two.

use serde::Serialize;

use crate::task::TaskId;

/// The partition key: the owner.
pub const PARTITION_KEY: &str = "PK";
/// The sort key: one of the prefixes below, and what it is the prefix of.
pub const SORT_KEY: &str = "SK";

pub const TASK_PREFIX: &str = "TASK#";
/// Followed by the hash of an idempotency key.
pub const IDEMPOTENCY_PREFIX: &str = "IDEMPOTENCY#";
/// Followed by the name of a mark that proves the stream consumed up to it.
pub const SENTINEL_PREFIX: &str = "SENTINEL#";

/// The attributes beside a task's fields.
pub mod attribute {
    pub const VERSION: &str = "version";
    pub const CREATED_AT: &str = "createdAt";
    pub const UPDATED_AT: &str = "updatedAt";
    pub const CREATED_BY: &str = "createdBy";
    pub const UPDATED_BY: &str = "updatedBy";
    /// 16 random bytes; the audit log hashes free text with them.
    pub const SALT: &str = "salt";
    /// Who wrote last, and with which request.
    pub const ACTOR: &str = "actor";
    pub const REQUEST: &str = "request";
    /// A tombstone's marks.
    pub const DELETED_BY: &str = "deletedBy";
    pub const DELETED_AT: &str = "deletedAt";
    /// Unix seconds after which TTL removes the item.
    pub const EXPIRES_AT: &str = "expiresAt";
    /// Marks the item of a task that an earlier put may make as well.
    pub const PUT_AGAIN: &str = "putAgain";
    /// The sort key of the idempotency record that a task was created with.
    pub const IDEMPOTENCY_RECORD: &str = "idempotencyRecord";
    /// An idempotency record's own.
    pub const TASK_ID: &str = "taskId";
    pub const FINGERPRINT: &str = "fingerprint";
    pub const TASK_DELETED: &str = "taskDeleted";
}

/// A sparse index by a field: only live tasks that have a value there carry its sort key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    pub name: &'static str,
    pub sort_key: &'static str,
}

impl Index {
    /// Returns the beginning of the sort key that all tasks with this value share.
    ///
    /// A value's own `#` is escaped: else the tasks of `a` and of `a#b` would begin alike.
    #[must_use]
    pub fn prefix(value: &str) -> String {
        format!("{}#", value.replace('%', "%25").replace('#', "%23"))
    }

    #[must_use]
    pub fn sort_key_of(value: &str, id: TaskId) -> String {
        format!("{}{id}", Self::prefix(value))
    }
}

pub const BY_ASSIGNEE: Index = Index { name: "byAssignee", sort_key: "assigneeKey" };
pub const BY_STATUS: Index = Index { name: "byStatus", sort_key: "statusKey" };

/// The way a field's values stand in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InAudit {
    Shown,
    /// Free text: as length and salted hash, unless the deployment wants it plain.
    Hashed,
}

/// Makes [`Field`] and everything that is known of each, one line per field.
macro_rules! fields {
    ($($field:ident $name:literal $in_audit:ident $index:expr;)+) => {
        /// A field of a task that clients set: text in the table, absent for null.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Field { $($field),+ }

        impl Field {
            /// In the order in which the audit log lists changes.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$field),+];

            /// Returns the name in JSON, in the table and in the audit log.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name),+ }
            }

            #[must_use]
            pub const fn in_audit(self) -> InAudit {
                match self { $(Self::$field => InAudit::$in_audit),+ }
            }

            #[must_use]
            pub const fn index(self) -> Option<Index> {
                match self { $(Self::$field => $index),+ }
            }
        }
    };
}

fields! {
    Title       "title"       Hashed None;
    Description "description" Hashed None;
    Status      "status"      Shown  Some(BY_STATUS);
    Priority    "priority"    Shown  None;
    DueAt       "dueAt"       Shown  None;
    Assignee    "assignee"    Shown  Some(BY_ASSIGNEE);
}

/// Returns the attributes that a tombstone no longer has: all that a client said, and what could lead back to it.
pub fn removed_by_deletion() -> impl Iterator<Item = &'static str> {
    let content = Field::ALL.into_iter().map(Field::name);
    content
        .chain(Field::ALL.into_iter().filter_map(|field| Some(field.index()?.sort_key)))
        .chain([attribute::SALT])
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// `REFRESH=1 cargo test -p tasks` writes it.
    #[test]
    fn the_snapshot_is_the_schema() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
        let indexes: Vec<_> = Field::ALL.into_iter().filter_map(Field::index).collect();
        let schema = json!({
            "partitionKey": PARTITION_KEY, "sortKey": SORT_KEY, "timeToLive": attribute::EXPIRES_AT, "indexes": indexes,
        });
        if env::var_os("REFRESH").is_some() {
            fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&schema).unwrap())).unwrap();
        }
        let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(written, schema, "REFRESH=1 cargo test -p tasks");
    }

    proptest! {
        #[test]
        fn no_value_is_found_below_anothers_prefix(one in "[a#%]{1,4}", other in "[a#%]{1,4}") {
            let key = Index::sort_key_of(&one, TaskId::new());
            prop_assert_eq!(key.starts_with(&Index::prefix(&other)), one == other);
        }
    }
}
