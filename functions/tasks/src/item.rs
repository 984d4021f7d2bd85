//! The table's schema, defined once: keys, attributes, and how each field of a task is audited and indexed.
//!
//! The store writes items by it, and the audit log reads them by it. `functions/tasks/schema.json` is its snapshot, from which
//! the CDK app makes the table; a test below compares the two.

use serde::Serialize;

use crate::task::TaskId;

/// The partition key: the owner.
pub const PARTITION_KEY: &str = "PK";
/// The sort key: one of the prefixes below and what follows it.
pub const SORT_KEY: &str = "SK";

/// Followed by a task's id.
pub const TASK_PREFIX: &str = "TASK#";
/// Followed by the hash of an idempotency key.
pub const IDEMPOTENCY_PREFIX: &str = "IDEMPOTENCY#";
/// Followed by the name of a sentinel, which is written to see it arrive in the audit log.
pub const SENTINEL_PREFIX: &str = "SENTINEL#";

/// The attributes other than a task's fields.
pub mod attribute {
    pub const VERSION: &str = "version";
    pub const CREATED_AT: &str = "createdAt";
    pub const UPDATED_AT: &str = "updatedAt";
    pub const CREATED_BY: &str = "createdBy";
    pub const UPDATED_BY: &str = "updatedBy";
    /// 16 random bytes, with which the audit log hashes free text.
    pub const SALT: &str = "salt";
    /// The principal of the last write.
    pub const ACTOR: &str = "actor";
    /// The request of the last write.
    pub const REQUEST: &str = "request";
    /// The owner, while the task is open: the partition key of [`super::BY_DUE_DATE`].
    pub const OPEN_OWNER: &str = "openOwner";
    /// The principal that deleted the task: its presence makes the item a tombstone.
    pub const DELETED_BY: &str = "deletedBy";
    pub const DELETED_AT: &str = "deletedAt";
    /// The Unix time, in seconds, after which TTL removes the item.
    pub const EXPIRES_AT: &str = "expiresAt";
    /// The time of the last put of a task that was put more than once: an earlier put may still arrive.
    pub const PUT_AGAIN: &str = "putAgain";
    /// The sort key of the idempotency record of a task's create.
    pub const IDEMPOTENCY_RECORD: &str = "idempotencyRecord";
    /// In an idempotency record: the task that the key stands for.
    pub const TASK_ID: &str = "taskId";
    /// In an idempotency record: the fingerprint of the draft.
    pub const FINGERPRINT: &str = "fingerprint";
    /// In an idempotency record: set once the task is deleted.
    pub const TASK_DELETED: &str = "taskDeleted";
}

/// A sparse index: only tasks that have both of its keys are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    pub name: &'static str,
    pub partition_key: &'static str,
    pub sort_key: &'static str,
}

impl Index {
    /// Returns the prefix that the sort keys of all tasks with this value share.
    ///
    /// A `#` in the value is escaped; otherwise a query for `a` would find the tasks of `a#b`.
    #[must_use]
    pub fn prefix(value: &str) -> String {
        format!("{}#", value.replace('%', "%25").replace('#', "%23"))
    }

    /// Returns the sort key of a task with this value: `<value>#<id>`.
    #[must_use]
    pub fn sort_key_of(value: &str, id: TaskId) -> String {
        format!("{}{id}", Self::prefix(value))
    }
}

/// An index on a field's values: live tasks with a value in the field have the sort key `<value>#<id>`.
const fn of_values(name: &'static str, sort_key: &'static str) -> Index {
    Index { name, partition_key: PARTITION_KEY, sort_key }
}

pub const BY_ASSIGNEE: Index = of_values("byAssignee", "assigneeKey");
pub const BY_STATUS: Index = of_values("byStatus", "statusKey");
/// The open tasks that have a due date. Status and due date change independently of each other, so each has a key of its own: a
/// write never needs to know the other field.
pub const BY_DUE_DATE: Index =
    Index { name: "byDueDate", partition_key: attribute::OPEN_OWNER, sort_key: Field::DueAt.name() };

/// Returns every index.
pub fn indexes() -> impl Iterator<Item = Index> {
    Field::ALL.into_iter().filter_map(Field::index).chain([BY_DUE_DATE])
}

/// The form in which the audit log shows a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InAudit {
    /// As they are.
    Shown,
    /// As length and salted hash, because they are free text; as they are if the deployment asks for plain text.
    Hashed,
}

/// Defines [`Field`] and all that is known about each field, one line per field.
macro_rules! fields {
    ($($field:ident $name:literal $in_audit:ident $index:expr;)+) => {
        /// A field of a task that clients set. The table stores its text, and no attribute for null.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Field { $($field),+ }

        impl Field {
            /// All fields, in the order in which the audit log lists changes.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$field),+];

            /// Returns the field's name in JSON, in the table and in the audit log.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name),+ }
            }

            #[must_use]
            pub const fn in_audit(self) -> InAudit {
                match self { $(Self::$field => InAudit::$in_audit),+ }
            }

            /// Returns the index on the field's values.
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

/// Returns the attributes that deletion removes from an item: all that a client wrote, and what could lead back to it.
pub fn removed_by_deletion() -> impl Iterator<Item = &'static str> {
    let content = Field::ALL.into_iter().map(Field::name);
    content
        .chain(Field::ALL.into_iter().filter_map(|field| Some(field.index()?.sort_key)))
        .chain([attribute::OPEN_OWNER, attribute::SALT])
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::audit::LATEST_HOURS;

    /// `REFRESH=1 cargo test -p tasks` writes it.
    #[test]
    fn the_snapshot_matches_the_schema() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
        let indexes: Vec<_> = indexes().collect();
        let schema = json!({
            "partitionKey": PARTITION_KEY, "sortKey": SORT_KEY, "timeToLive": attribute::EXPIRES_AT, "indexes": indexes,
            "latestAuditHours": LATEST_HOURS, "sentinelPrefix": SENTINEL_PREFIX,
            "fields": Field::ALL.map(Field::name),
        });
        if env::var_os("REFRESH").is_some() {
            fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&schema).unwrap())).unwrap();
        }
        let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(written, schema, "run `REFRESH=1 cargo test -p tasks`");
    }

    proptest! {
        #[test]
        fn no_value_is_found_under_another_values_prefix(one in "[a#%]{1,4}", other in "[a#%]{1,4}") {
            let key = Index::sort_key_of(&one, TaskId::new());
            prop_assert_eq!(key.starts_with(&Index::prefix(&other)), one == other);
        }
    }
}
