//! The things of a stack, with what is planned for each and what became of it.

use serde::{Deserialize, Serialize};

use crate::listed::listed;

/// One thing that belongs to the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry<Fate> {
    #[serde(rename = "type")]
    pub kind: String,
    /// Empty for what `CloudFormation` does not list.
    pub logical_id: String,
    pub physical_id: String,
    /// The physical id of the thing that the template says it is a part of, for a type that is a part of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    pub fate: Fate,
    pub why: String,
}

/// An entry as Plan has it.
pub type Planned = Entry<PlannedFate>;
/// An entry as Prove concludes it.
pub type Found = Entry<FoundFate>;

listed! {
    /// The fate that is planned.
    pub enum PlannedFate {
        Delete = "delete",
        Keep = "keep",
        /// It was in the stack once, and is not any more: it is only looked for in the end.
        Earlier = "earlier",
    }
}

listed! {
    /// The fate that was found.
    pub enum FoundFate {
        Absent = "absent",
        /// It was to stay, and nobody removed it as far as is known.
        Kept = "kept",
        Present = "present",
        Unproven = "unproven",
    }
}

impl<Fate> Entry<Fate> {
    /// Returns the entry with another fate, for another reason.
    #[must_use]
    pub fn with<Other>(self, fate: Other, why: String) -> Entry<Other> {
        let Self { kind, logical_id, physical_id, part_of, .. } = self;
        Entry { kind, logical_id, physical_id, part_of, fate, why }
    }
}
