//! The kinds of problems, as the task function's snapshot lists them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Written by a test of the task function from its own table.
const API: &str = include_str!("../../task-api/api.json");

/// A kind of problem, with the text of its page.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Kind {
    pub title: String,
    pub status: u16,
    pub meaning: String,
    pub advice: String,
}

/// Every kind by its name, the last segment of its `type`.
#[derive(Debug, Deserialize)]
pub struct Kinds {
    problems: BTreeMap<String, Kind>,
}

impl Kinds {
    /// Returns the kinds of the API that this function is built with.
    ///
    /// # Panics
    ///
    /// Never: the text is part of the binary, and a test reads it.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a constant that a test reads")]
    pub fn of_the_api() -> Self {
        serde_json::from_str(API).expect("api.json is a snapshot of this very shape")
    }

    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Kind> {
        self.problems.get(name)
    }

    /// Returns a kind that this function reports itself; a test asks for each of them.
    pub(crate) fn reported(&self, name: &'static str) -> &Kind {
        &self.problems[name]
    }

    /// Returns every kind with its name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Kind)> {
        self.problems.iter().map(|(name, kind)| (name.as_str(), kind))
    }
}
