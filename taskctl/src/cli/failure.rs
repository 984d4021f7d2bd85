//! The end of a command: its exit code, the reason, and the next step.

use std::process::ExitCode;

use contract::Outcome;

/// The exit codes that scripts may rely on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Planned, deleted, or nothing to do.
    Success = 0,
    /// The command line is wrong, or the account it means is unclear.
    Usage = 2,
    /// Not done, and nothing is changed.
    Refused = 3,
    Failed = 4,
    /// Not proven gone, which never passes for success.
    Unproven = 5,
    /// The opposite of what was to be proven is shown.
    Disproven = 6,
    /// The audit log says other than what was sealed.
    Altered = 10,
    /// The audit log has what nobody sealed.
    Forged = 11,
    /// The audit log lacks what was sealed.
    Missing = 12,
    /// The audit log lacks its newest part.
    Truncated = 13,
    /// Ctrl-C, by the shells' convention.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Planned | Outcome::Deleted | Outcome::NothingToDo => Self::Success,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
            Outcome::Unproven => Self::Unproven,
        }
    }
}

/// The reason why a command stopped.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub what: String,
    /// Commands, or short advice.
    pub next: Vec<String>,
    /// The same call may succeed later.
    pub passes: bool,
}

impl Failure {
    fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), next: Vec::new(), passes: false }
    }

    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Exit::Refused, what)
    }

    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    pub fn unproven(what: impl Into<String>) -> Self {
        Self::new(Exit::Unproven, what)
    }

    pub fn interrupted(what: impl Into<String>) -> Self {
        Self::new(Exit::Interrupted, what)
    }

    /// Adds a next step.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next.push(command.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let title = match self.exit {
            Exit::Success => "",
            Exit::Interrupted => "stopped: ",
            Exit::Refused => "refused: ",
            Exit::Unproven => "unproven: ",
            Exit::Disproven => "disproven: ",
            Exit::Altered | Exit::Forged | Exit::Missing | Exit::Truncated => "not intact: ",
            Exit::Usage | Exit::Failed => "error: ",
        };
        write!(out, "{title}{}", self.what)?;
        self.next.iter().try_for_each(|next| write!(out, "\n  next: {next}"))
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::{Exit, Failure};

    #[test]
    fn the_exit_codes_are_those_promised() {
        for outcome in Outcome::ALL {
            assert_eq!(Exit::from(*outcome) as u8, outcome.exit_code(), "{outcome}");
        }
        assert_eq!([Exit::Usage, Exit::Interrupted].map(|exit| exit as u8), [2, 130]);
    }

    #[test]
    fn a_failure_says_what_happened_and_what_is_next() {
        let failure = Failure::refused("an execution runs").next("taskctl teardown watch");
        assert_eq!(failure.to_string(), "refused: an execution runs\n  next: taskctl teardown watch");
    }
}
