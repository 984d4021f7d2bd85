//! The result of a check.

/// How an assumption fared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    Held(String),
    NotHeld(String),
    /// Not looked at, and why.
    Skipped(String),
}

impl Finding {
    /// Held or not, with what was seen either way.
    pub fn new(held: bool, seen: String) -> Self {
        if held { Self::Held(seen) } else { Self::NotHeld(seen) }
    }

    /// A line for people.
    pub fn line(&self, row: &str) -> String {
        let (word, seen) = match self {
            Self::Held(seen) => ("held", seen),
            Self::NotHeld(seen) => ("NOT HELD", seen),
            Self::Skipped(why) => ("skipped", why),
        };
        format!("{word:<9} {row:<24} {}", seen.replace('\n', " "))
    }
}
