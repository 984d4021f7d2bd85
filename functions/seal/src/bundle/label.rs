use serde::{Deserialize, Serialize};

use crate::{Minute, Second};

/// The format of a bundle.
pub const SCHEMA: &str = "audit.bundle/1";

/// A bundle's own words about itself. They are compared with the rest and prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Label {
    pub schema: String,
    /// The log's name in its checkpoints.
    pub origin: String,
    pub stage: String,
    pub log_group: String,
    /// The first minute whose records are all there; `None` for the log's beginning.
    pub since: Option<Minute>,
    /// The last minute of the newest checkpoint.
    pub until: Option<Minute>,
    /// The clock of whoever made the bundle.
    pub made: Second,
    pub counts: Counts,
    /// The keys beside it, as [`crate::VerifierKey`] is displayed.
    pub keys: Vec<String>,
}

/// The number of lines and files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counts {
    pub records: u64,
    pub newer: u64,
    pub checkpoints: u64,
    pub manifests: u64,
    pub keys: u64,
}

impl Label {
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let label: Self = serde_json::from_slice(text).map_err(|err| err.to_string())?;
        if label.schema == SCHEMA {
            Ok(label)
        } else {
            Err(format!("its schema is {:?}, not {SCHEMA:?}", label.schema))
        }
    }
}
