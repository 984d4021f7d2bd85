//! Answers of the local AWS, and their meaning.

use std::{error, fmt};

use serde_json::Value;

/// An answer as it arrived, whatever its status.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// An answer other than the expected one.
#[derive(Debug)]
pub struct Refused {
    status: u16,
    body: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the local AWS answered {}: {}", self.status, self.body)
    }
}

impl error::Error for Refused {}

impl Answer {
    /// Returns whether the call succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the body of a success.
    pub fn done(self) -> Result<String, Refused> {
        if self.is_success() { Ok(self.body) } else { Err(self.refused()) }
    }

    /// Returns the body of a success, or `None` if the service says that there is no such thing.
    pub fn found(self) -> Result<Option<String>, Refused> {
        let missing = ["NotFound", "NoSuch", "does not exist"].iter().any(|words| self.body.contains(words));
        if self.status == 404 || ((400..500).contains(&self.status) && missing) {
            return Ok(None);
        }
        self.done().map(Some)
    }

    /// Returns the body of a success, which must be JSON.
    pub fn json(self) -> Result<Value, Refused> {
        match serde_json::from_str(&self.body) {
            Ok(value) if self.is_success() => Ok(value),
            _ => Err(self.refused()),
        }
    }

    fn refused(self) -> Refused {
        Refused { status: self.status, body: self.body }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Answer;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned() }
    }

    #[test]
    fn a_missing_thing_differs_from_an_error() {
        assert_eq!(answer(200, "x").found().expect("found"), Some("x".to_owned()));
        assert_eq!(answer(404, "").found().expect("missing"), None);
        assert_eq!(answer(400, "<Code>NoSuchEntity</Code>").found().expect("missing"), None);
        answer(400, "ThrottlingException").found().expect_err("an error");
        answer(500, "NotFound, we think").found().expect_err("an error");
    }

    #[test]
    fn only_a_success_has_a_value() {
        assert_eq!(answer(200, "{}").json().expect("JSON"), json!({}));
        answer(200, "<html>").json().expect_err("not JSON");
        let refused = answer(400, r#"{"message":"no"}"#).json().expect_err("an error").to_string();
        assert_eq!(refused, r#"the local AWS answered 400: {"message":"no"}"#);
    }
}
