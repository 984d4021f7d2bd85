//! Programs that must be on the machine: Python with `venv`, Node with npm, and (for AWS) the Rust target.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::tools::process;

const PYTHON: Version = Version(3, 11);
const NODE: Version = Version(20, 19);
/// The names under which systems install Python.
const PYTHON_NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];

/// A major and a minor version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version(u32, u32);

impl Version {
    /// Finds the version in what a program answers to `--version`: `Python 3.11.7`, `v20.20.2`, `11.19.1`.
    pub fn parse(answer: &str) -> Option<Self> {
        let word = answer.split_whitespace().find(|word| word.contains(|c: char| c.is_ascii_digit()))?;
        let mut numbers = word.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        Some(Self(major, numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.0, self.1)
    }
}

/// A Python that is new enough.
#[derive(Debug)]
pub struct Python {
    pub program: PathBuf,
    pub version: Version,
}

/// Finds the first Python on the path that is new enough.
pub fn python() -> Result<Python> {
    let mut old = None;
    for name in PYTHON_NAMES {
        let Some(version) = version_of(name) else { continue };
        if version >= PYTHON {
            return Ok(Python { program: PathBuf::from(name), version });
        }
        old = old.or(Some(format!("{name} is {version}")));
    }
    bail!(
        "Python {PYTHON} or newer is needed, but {}.\n  Install it (Debian/Ubuntu: `sudo apt-get install python3 python3-venv`; \
         macOS: `brew install python`) and run this command again.",
        old.unwrap_or_else(|| "no `python3` is on the path".to_owned())
    )
}

/// Checks that Node is new enough, and returns its version.
pub fn node() -> Result<Version> {
    let next =
        "Install Node.js with npm (nodejs.org, nvm, or your system's packages) and run this command again.";
    match version_of("node") {
        None => bail!("Node.js {NODE} or newer is needed, but no `node` is on the path.\n  {next}"),
        Some(version) if version < NODE => {
            bail!("Node.js {NODE} or newer is needed, but `node` is {version}.\n  {next}")
        }
        Some(version) => Ok(version),
    }
}

/// Checks curl, with which `verify-aws` calls the API as its document does.
pub fn curl() -> Result<()> {
    if version_of("curl").is_some() {
        return Ok(());
    }
    bail!(
        "curl is needed, but no `curl` is on the path.\n  Install it with your system's packages and run this command again."
    )
}

/// Checks npm; only an install needs it.
pub fn npm() -> Result<()> {
    if version_of("npm").is_some() {
        return Ok(());
    }
    bail!(
        "npm is needed beside Node.js, but no `npm` is on the path.\n  Install it (Debian/Ubuntu: `sudo apt-get install npm`) \
         and run this command again."
    )
}

/// Checks that the compiler can build for `target`.
pub fn rust_target(target: &str) -> Result<()> {
    let library =
        process::answer(Command::new("rustc").args(["--print", "target-libdir", "--target", target]));
    match library {
        None => bail!(
            "`rustc` does not answer or does not know {target}.\n  Install Rust with rustup (rustup.rs)."
        ),
        Some(folder) if PathBuf::from(&folder).is_dir() => Ok(()),
        Some(_) => bail!(
            "Rust's standard library for {target} is missing.\n  Run `rustup target add {target}` and this command again."
        ),
    }
}

fn version_of(program: &str) -> Option<Version> {
    Version::parse(&process::answer(Command::new(program).arg("--version"))?)
}

#[cfg(test)]
mod tests {
    use super::{NODE, PYTHON, Version};

    #[test]
    fn versions_are_found_in_what_programs_print() {
        assert_eq!(Version::parse("Python 3.11.7"), Some(Version(3, 11)));
        assert_eq!(Version::parse("v20.20.2"), Some(Version(20, 20)));
        assert_eq!(Version::parse("11.19.1"), Some(Version(11, 19)));
        assert_eq!(Version::parse("Python 3.14.0rc1"), Some(Version(3, 14)));
        assert_eq!(Version::parse("22"), Some(Version(22, 0)));
        assert_eq!(Version::parse("command not found"), None);
        assert_eq!(Version::parse(""), None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(Version(3, 9) < PYTHON);
        assert!(Version(3, 11) >= PYTHON);
        assert!(Version(18, 19) < NODE);
        assert!(Version(100, 0) >= NODE);
    }
}
