//! Instructions, counted by valgrind: unlike times, they are the same on every run, give or take a hash table's seed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::commands::bench::candidate::adopt;
use crate::commands::bench::cost::Cost;
use crate::commands::bench::instance::Instance;
use crate::tools::process::{self, interrupted};

/// The variable with which a function leaves out what it does in the background of its start.
const WARM_UP: &str = "WARM_UP";
/// The times that a run may fail.
const REPEATED: usize = 2;

/// Fails if valgrind is missing.
pub fn check() -> Result<()> {
    if version().is_some() {
        return Ok(());
    }
    bail!(
        "valgrind is needed, which counts instructions, but no `valgrind` is on the path.\n  Install it (Debian/Ubuntu: \
         `sudo apt-get install valgrind`) and run this command again."
    )
}

/// Returns valgrind's version; `None` if it is missing.
pub fn version() -> Option<String> {
    process::answer(Command::new("valgrind").arg("--version"))
}

/// How instructions are counted: all together, or by crate from a profile, for a binary with symbols.
#[derive(Debug)]
pub struct Meter {
    profile: Option<PathBuf>,
}

impl Meter {
    pub fn total() -> Self {
        Self { profile: None }
    }

    /// Counts by crate; each run's profile is written to this file.
    pub fn by_crate(profile: &Path) -> Self {
        Self { profile: Some(profile.to_owned()) }
    }

    /// Counts a function's start and what `calls` does with it, without a warm-up in the background.
    ///
    /// On a busy machine a function under valgrind is slow enough to give a call up, so a run that fails is repeated.
    pub fn count(
        &self,
        command: &Command,
        function: &str,
        mut calls: impl FnMut(&mut Instance) -> Result<()>,
    ) -> Result<Cost> {
        let mut failures = 0;
        loop {
            match self.once(command, function, &mut calls) {
                Err(error) if failures < REPEATED && !interrupted() => {
                    eprintln!("         … a run under valgrind failed and is repeated: {error}");
                    failures += 1;
                }
                result => return result,
            }
        }
    }

    fn once(
        &self,
        command: &Command,
        function: &str,
        calls: impl FnOnce(&mut Instance) -> Result<()>,
    ) -> Result<Cost> {
        let file = self.profile.as_deref().unwrap_or(Path::new("/dev/null"));
        let total = run(under(command, file).env(WARM_UP, "off"), function, calls)?;
        let Some(profile) = &self.profile else { return Ok(Cost::total(total)) };
        let text = fs::read_to_string(profile).context("valgrind's profile cannot be read")?;
        Ok(Cost::by_crate(&text))
    }
}

/// Counts the instructions of a start with its warm-up.
pub fn count_warmed(command: &Command, function: &str) -> Result<u64> {
    run(&mut under(command, Path::new("/dev/null")), function, |instance| instance.settle())
}

fn run(
    command: &mut Command,
    function: &str,
    calls: impl FnOnce(&mut Instance) -> Result<()>,
) -> Result<u64> {
    let mut instance = Instance::start(command, function)?;
    instance.ready()?;
    calls(&mut instance)?;
    collected(&instance.end()?)
}

/// Makes the command that runs another under valgrind.
fn under(command: &Command, profile: &Path) -> Command {
    let mut valgrind = Command::new("valgrind");
    let mut file = OsStr::new("--callgrind-out-file=").to_owned();
    file.push(profile);
    // Names in full, as `Cost` reads them.
    valgrind.args(["--tool=callgrind", "--compress-strings=no"]).arg(file);
    valgrind.arg(command.get_program());
    adopt(&mut valgrind, command);
    valgrind
}

fn collected(output: &str) -> Result<u64> {
    let number = output.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = number.with_context(|| format!("valgrind counted nothing:\n{output}"))?;
    number.trim().parse().context("valgrind's count is no number")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::{collected, under};

    #[test]
    fn the_count_is_read() {
        let output = "==7== Events    : Ir\n==7== Collected : 1234567\n==7==\n";
        assert_eq!(collected(output).expect("a count"), 1_234_567);
        collected("==7== error").expect_err("no count");
    }

    #[test]
    fn valgrind_passes_the_environment_on() {
        let mut command = Command::new("task-api");
        command.arg("one").env("TABLE_NAME", "tasks").env_remove("AWS_PROFILE");
        let valgrind = under(&command, Path::new("/p"));
        let arguments: Vec<_> = valgrind.get_args().skip(2).collect();
        assert_eq!(arguments, ["--callgrind-out-file=/p", "task-api", "one"]);
        assert_eq!(valgrind.get_envs().collect::<Vec<_>>(), command.get_envs().collect::<Vec<_>>());
    }
}
