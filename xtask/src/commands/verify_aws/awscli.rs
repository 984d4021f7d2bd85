//! AWS calls through the AWS CLI, so that a check runs the very command that the document shows.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::service::cdk::Target;
use crate::tools::environment;
use crate::tools::process::{check_interrupted, open_log, tail};

/// One account and region as the AWS CLI sees it.
#[derive(Clone, Debug)]
pub struct AwsCli {
    pub program: PathBuf,
    pub target: Target,
    /// The log of every call and the beginning of its answer.
    pub log: PathBuf,
    /// Credentials of an assumed role, as the environment names them.
    pub session: Vec<(&'static str, String)>,
}

/// An error that AWS answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub code: String,
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl Refusal {
    /// Tells an absent thing from every other error.
    pub fn absent(&self) -> bool {
        let named = ["404", "NotFound", "NoSuch"].iter().any(|part| self.code.contains(part));
        named || (self.code == "ValidationError" && self.message.contains("does not exist"))
    }
}

impl AwsCli {
    /// Runs `aws WORDS`; the outer error means that AWS did not answer.
    pub fn ask(&self, words: &[&str]) -> Result<Result<Value, Refusal>> {
        check_interrupted()?;
        let mut command = Command::new(&self.program);
        command.args(words).args(["--output", "json"]);
        self.aim(&mut command);
        // A group of its own: Ctrl-C ends us in order, not the call in the middle.
        command.process_group(0).stdin(Stdio::null());
        let output = command.output().context("the AWS CLI cannot be started")?;
        let (answer, complaint) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        self.note(words, complaint.trim());
        if output.status.success() {
            // Some commands (`aws s3 …`) answer a plain line, or nothing.
            let text = || Value::String(answer.trim().to_owned());
            return Ok(Ok(serde_json::from_str(&answer).unwrap_or_else(|_| text())));
        }
        match refusal(&complaint) {
            Some(refusal) => Ok(Err(refusal)),
            None => bail!("aws {} failed: {}", shown(words), tail(&complaint, 5).trim()),
        }
    }

    /// Returns the answer of a call that must succeed.
    pub fn call(&self, words: &[&str]) -> Result<Value> {
        match self.ask(words)? {
            Ok(value) => Ok(value),
            Err(refusal) => bail!("aws {} was refused: {refusal}", shown(words)),
        }
    }

    /// Returns the answer, or `None` when the thing asked for is absent.
    pub fn find(&self, words: &[&str]) -> Result<Option<Value>> {
        match self.ask(words)? {
            Ok(value) => Ok(Some(value)),
            Err(refusal) if refusal.absent() => Ok(None),
            Err(refusal) => bail!("aws {} was refused: {refusal}", shown(words)),
        }
    }

    /// Returns the same account with other credentials.
    pub fn with_session(&self, id: &str, secret: &str, token: &str) -> Self {
        let session =
            [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_SESSION_TOKEN", token)];
        Self {
            session: session.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
            ..self.clone()
        }
    }

    /// Returns the options that make a command typed by hand reach the same place.
    pub fn options(&self) -> String {
        let Target::Aws { profile, region } = &self.target else { return String::new() };
        let option = |name: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| format!(" --{name} {value}"))
        };
        option("profile", profile) + &option("region", region)
    }

    /// Points a program to this place; `curl` reads only the proxy settings of it.
    pub fn aim(&self, command: &mut Command) {
        match &self.target {
            Target::Local { endpoint } => environment::local_aws(command, endpoint),
            Target::Aws { profile, region } => {
                if let Some(region) = region {
                    command.env("AWS_REGION", region).env("AWS_DEFAULT_REGION", region);
                }
                if let Some(profile) = profile.as_ref().filter(|_| self.session.is_empty()) {
                    command.env("AWS_PROFILE", profile);
                }
            }
        }
        if !self.session.is_empty() {
            command.env_remove("AWS_PROFILE");
        }
        command.env("AWS_PAGER", "").envs(self.session.iter().map(|(name, value)| (name, value)));
    }

    fn note(&self, words: &[&str], complaint: &str) {
        if let Ok(mut log) = open_log(&self.log) {
            writeln!(log, "$ aws {}", shown(words)).ok();
            if !complaint.is_empty() {
                writeln!(log, "  {complaint}").ok();
            }
        }
    }
}

/// Formats a command as a shell takes it.
pub fn shown(words: &[&str]) -> String {
    let plain = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,@[]*".contains(c))
    };
    let word = |word: &&str| {
        if plain(word) { (*word).to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Reads `An error occurred (CODE) when calling the OPERATION operation: MESSAGE`.
fn refusal(complaint: &str) -> Option<Refusal> {
    let (_, rest) = complaint.split_once("An error occurred (")?;
    let (code, rest) = rest.split_once(')')?;
    let (_, message) = rest.split_once(": ").unwrap_or_default();
    Some(Refusal { code: code.to_owned(), message: message.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{Refusal, refusal, shown};

    fn refused(code: &str, message: &str) -> Refusal {
        Refusal { code: code.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn what_aws_answers_is_read_from_the_clis_words() {
        let words = "\nAn error occurred (ValidationError) when calling the DeleteStack operation: Role r is invalid or cannot be assumed\n";
        assert_eq!(
            refusal(words),
            Some(refused("ValidationError", "Role r is invalid or cannot be assumed"))
        );
        assert_eq!(refusal("Unable to locate credentials"), None);
    }

    #[test]
    fn absent_is_told_from_refused() {
        for (code, message) in [
            ("404", "Not Found"),
            ("NoSuchEntity", ""),
            ("ResourceNotFoundException", ""),
            ("ValidationError", "Stack with id x does not exist"),
        ] {
            assert!(refused(code, message).absent(), "{code}");
        }
        for (code, message) in [("403", "Forbidden"), ("ValidationError", "Role r is invalid")] {
            assert!(!refused(code, message).absent(), "{code}");
        }
    }

    #[test]
    fn a_shown_command_can_be_pasted() {
        assert_eq!(shown(&["logs", "x", "--pattern", "it's {a}", ""]), r"logs x --pattern 'it'\''s {a}' ''");
    }
}
