//! The gates that a change may not pass: sizes and instructions with a small margin (`xtask/bench/gates.json`).
//!
//! A miss names its suspects: the crates whose instructions grew most. Only then, and with `--write`, the functions are built with
//! symbols, into a folder of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::commands::bench::cost::Cost;
use crate::commands::bench::functions::{self, AUDIT, AUTHORIZER, TASK_API};
use crate::commands::bench::instructions::Counts;
use crate::commands::bench::report::{Row, thousands};
use crate::commands::bench::valgrind::{self, Meter};
use crate::service::functions::{Binary, build, selection_of};
use crate::tools::process;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// The most that a figure may be above its gate, in thousandths: linkers and hash seeds move it by less.
const MARGIN: u64 = 30;
const SUSPECTS: usize = 4;

/// The file of the gates.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
struct Gates {
    /// The programs that the figures depend on.
    tools: String,
    /// The bytes of each binary.
    sizes: BTreeMap<String, u64>,
    /// The instructions of each path, by function.
    instructions: BTreeMap<String, BTreeMap<String, u64>>,
    /// The same by crate, without the small ones.
    crates: BTreeMap<String, BTreeMap<String, Cost>>,
}

/// Measures, and compares with the gates.
pub fn check(workspace: &Workspace, binaries: &[Binary], table: &Path) -> Result<Vec<Row>> {
    let gates = read(workspace)?;
    let mut rows = Vec::new();
    for binary in binaries {
        let gate = gates.sizes.get(&binary.name).copied();
        rows.push(row(&format!("{}: size in bytes", binary.name), functions::bytes(binary)?, gate));
    }
    let counted =
        step("Instructions of the functions", || functions::count(&Meter::total(), binaries, table))?;
    for (function, counts) in &counted {
        let gate = |path: &str| gates.instructions.get(*function)?.get(path).copied();
        let of = |(path, cost): &(String, Cost)| {
            row(&format!("{function}: {path}"), cost.instructions(), gate(path))
        };
        rows.extend(counts.iter().map(of));
    }
    if rows.iter().any(|row| row.missed) {
        let by_crate = by_crate(workspace, table)?;
        for row in rows.iter_mut().filter(|row| row.missed) {
            let suspects = suspects(&by_crate, &gates, &row.what);
            row.figure = format!("{}{suspects}", row.figure);
        }
        let here = tools();
        if here != gates.tools {
            eprintln!("The gates were written with {}; here is {here}.", gates.tools);
        }
    }
    Ok(rows)
}

/// Measures, and writes the gates.
pub fn write(workspace: &Workspace, binaries: &[Binary], table: &Path) -> Result<()> {
    let sizes = binaries.iter().map(|binary| Ok((binary.name.clone(), functions::bytes(binary)?)));
    let counted =
        step("Instructions of the functions", || functions::count(&Meter::total(), binaries, table))?;
    let gates = Gates {
        tools: tools(),
        sizes: sizes.collect::<Result<_>>()?,
        instructions: by_function(&counted, Cost::instructions),
        crates: by_function(&by_crate(workspace, table)?, Cost::large),
    };
    let text = serde_json::to_string_pretty(&gates).context("the gates cannot be written")?;
    let path = path(workspace);
    fs::write(&path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))
}

fn by_function<T>(
    counted: &[(&'static str, Counts)],
    of: impl Fn(&Cost) -> T,
) -> BTreeMap<String, BTreeMap<String, T>> {
    let paths = |counts: &Counts| counts.iter().map(|(path, cost)| (path.clone(), of(cost))).collect();
    counted.iter().map(|(function, counts)| ((*function).to_owned(), paths(counts))).collect()
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root().join("xtask/bench/gates.json")
}

fn read(workspace: &Workspace) -> Result<Gates> {
    let path = path(workspace);
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
}

/// Compares one figure with its gate. Without a gate it is new, which is a miss too: `--write` makes one.
fn row(what: &str, found: u64, gate: Option<u64>) -> Row {
    let shown = if found < 1_000_000 { found.to_string() } else { thousands(found) };
    let Some(gate) = gate else {
        return Row { must: "a gate".to_owned(), missed: true, ..Row::shown(what, shown) };
    };
    let missed = found > gate + gate * MARGIN / 1000;
    let more = if missed { format!(", {} more", percent(found - gate, gate)) } else { String::new() };
    let must = format!("≤ {gate} + {} %", MARGIN / 10);
    Row { must, missed, ..Row::shown(what, format!("{shown}{more}")) }
}

/// Formats a share with one decimal.
fn percent(part: u64, whole: u64) -> String {
    let thousandths = part * 1000 / whole.max(1);
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// Counts by crate, with functions that have their symbols.
fn by_crate(workspace: &Workspace, table: &Path) -> Result<Vec<(&'static str, Counts)>> {
    let folder = workspace.scratch().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let target = folder.join("symbols");
    let target = target.to_str().context("the folder's name is not Unicode")?;
    let options = [
        "--release",
        "--config",
        "profile.release.strip=\"none\"",
        "--config",
        "profile.release.debug=\"line-tables-only\"",
        "--target-dir",
        target,
    ];
    let selection = selection_of(vec![TASK_API, AUTHORIZER, AUDIT]);
    let binaries =
        step("Functions, release with symbols", || build(workspace, &[&options[..], &selection].concat()))?;
    let meter = Meter::by_crate(&folder.join("callgrind.out"));
    step("Instructions by crate", || functions::count(&meter, &binaries, table))
}

/// Names the crates that grew most on a path; nothing for a size.
fn suspects(counted: &[(&'static str, Counts)], gates: &Gates, what: &str) -> String {
    let Some((function, path)) = what.split_once(": ") else { return String::new() };
    let now = counted.iter().find(|(name, _)| *name == function);
    let now = now.and_then(|(_, counts)| counts.iter().find(|(name, _)| name == path));
    let before = gates.crates.get(function).and_then(|paths| paths.get(path));
    let (Some((_, now)), Some(before)) = (now, before) else { return String::new() };
    let grown = now.large().grown(before);
    let named = grown.iter().take(SUSPECTS).map(|(name, more)| format!("{name} + {more}"));
    format!("; grew: {}", named.collect::<Vec<_>>().join(", "))
}

fn tools() -> String {
    let first = |program: &str| {
        let answer = process::answer(Command::new(program).arg("--version")).unwrap_or_default();
        answer.lines().next().unwrap_or_default().to_owned()
    };
    format!("{}, {}, {}", first("rustc"), first("ldd"), valgrind::version().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Gates, row, suspects};
    use crate::commands::bench::cost::Cost;

    #[test]
    fn a_figure_above_gate_and_margin_is_missed() {
        assert!(!row("task-api: GET", 103_000, Some(100_000)).missed);
        let missed = row("task-api: GET", 103_001, Some(100_000));
        assert!(missed.missed && missed.fails());
        assert_eq!(missed.figure, "103001, 3.0 % more");
        assert!(row("task-api: PATCH", 1, None).missed, "a new path has no gate yet");
    }

    #[test]
    fn a_miss_names_its_suspects() {
        let cost = |json: &str| serde_json::from_str::<Cost>(json).expect("a cost");
        let before = BTreeMap::from([("GET".to_owned(), cost(r#"{"core": 500, "serde": 400}"#))]);
        let crates = BTreeMap::from([("task-api".to_owned(), before)]);
        let gates = Gates { crates, ..Gates::default() };
        let now = vec![("task-api", vec![("GET".to_owned(), cost(r#"{"core": 510, "serde": 900}"#))])];
        assert_eq!(suspects(&now, &gates, "task-api: GET"), "; grew: serde + 500, core + 10");
        assert_eq!(suspects(&now, &gates, "task-api: size in bytes"), "");
    }
}
