//! Several checks in a row: each runs even when another has failed, and a list shows the results.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::tools::process::{self, Interrupted};
use crate::tools::progress::seconds;

/// A named check.
pub struct Check<'a> {
    name: &'static str,
    run: Box<dyn Fn() -> Result<()> + 'a>,
}

impl<'a> Check<'a> {
    /// Names a check, which does not run yet.
    pub fn new(name: &'static str, run: impl Fn() -> Result<()> + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }
}

/// Runs all checks and lists the results; fails when one failed. Only a request to stop ends it early.
pub fn run(checks: &[Check<'_>]) -> Result<()> {
    let mut rows = Vec::new();
    for Check { name, run } in checks {
        eprintln!("\n=== {name}");
        let began = Instant::now();
        let result = run();
        if let Err(error) = &result {
            if error.is::<Interrupted>() {
                return Err(Interrupted.into());
            }
            eprintln!("error: {error:#}");
        }
        rows.push(Row { name, passed: result.is_ok(), time: began.elapsed() });
    }
    println!("\n{}", table(&rows));
    let failed: Vec<&str> = rows.iter().filter(|row| !row.passed).map(|row| row.name).collect();
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}", failed.join(", "))
}

/// Runs a program that shows its own output; fails when it fails.
pub fn succeed(command: &mut Command, what: &str) -> Result<()> {
    if process::run(command)? {
        return Ok(());
    }
    bail!("{what} failed: see above")
}

struct Row {
    name: &'static str,
    passed: bool,
    time: Duration,
}

fn table(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let result = if row.passed { "ok" } else { "FAILED" };
        format!("  {result:<6}  {:>8}  {}", seconds(row.time), row.name)
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use anyhow::bail;

    use super::{Check, Row, run, table};
    use crate::tools::process::Interrupted;

    #[test]
    fn the_list_says_what_failed_and_how_long_it_took() {
        let rows = [
            Row { name: "unit", passed: true, time: Duration::from_secs(61) },
            Row { name: "e2e", passed: false, time: Duration::from_millis(1500) },
        ];
        assert_eq!(table(&rows), "  ok        61.0 s  unit\n  FAILED     1.5 s  e2e");
    }

    #[test]
    fn a_failure_does_not_keep_the_rest_from_running_but_fails_the_whole() {
        let ran = Cell::new(false);
        let error = run(&[Check::new("one", || bail!("no")), second(&ran)]).expect_err("failed");
        assert!(ran.get());
        assert_eq!(error.to_string(), "failed: one");
    }

    #[test]
    fn a_request_to_stop_ends_everything() {
        let ran = Cell::new(false);
        let error = run(&[Check::new("one", || Err(Interrupted.into())), second(&ran)]).expect_err("stopped");
        assert!(!ran.get());
        assert!(error.is::<Interrupted>());
    }

    fn second(ran: &Cell<bool>) -> Check<'_> {
        Check::new("two", || {
            ran.set(true);
            Ok(())
        })
    }
}
