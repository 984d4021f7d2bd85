//! The result of a check.

/// The result of checking an assumption.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    Held(String),
    NotHeld(String),
    /// It was not checked, for this reason.
    Skipped(String),
}

impl Finding {
    /// Says whether it held, with what was seen either way.
    pub fn new(held: bool, seen: String) -> Self {
        if held { Self::Held(seen) } else { Self::NotHeld(seen) }
    }

    /// Formats the result as a line.
    pub fn line(&self, row: &str) -> String {
        let (word, seen) = match self {
            Self::Held(seen) => ("held", seen),
            Self::NotHeld(seen) => ("NOT HELD", seen),
            Self::Skipped(why) => ("skipped", why),
        };
        format!("{word:<9} {row:<24} {}", seen.replace('\n', " "))
    }
}
