//! The last measurements (`xtask/bench/measured.json`), and the page that shows them (`docs/performance.md`, with its picture).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::commands::bench::Part;
use crate::commands::bench::functions::Found;
use crate::commands::bench::growth::Page as GrowthPage;
use crate::commands::bench::picture;
use crate::commands::bench::report::Row;
use crate::tools::process;
use crate::tools::workspace::Workspace;

const MEASURED: &str = "xtask/bench/measured.json";
const PAGE: &str = "docs/performance.md";
const PICTURE: &str = "docs/performance.svg";
/// The figures stand between these lines of the page.
const BEGIN: &str = "<!-- measured: written by `cargo xtask bench --write` -->";
const END: &str = "<!-- end of measured -->";

/// The figures that were measured last.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Measured {
    parts: BTreeMap<Part, Section>,
    /// Instructions by program and path.
    pub instructions: Found,
    pub growth: Vec<GrowthPage>,
}

/// One part's table; parts may be measured apart from each other.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
struct Section {
    date: String,
    machine: String,
    rows: Vec<Row>,
}

impl Measured {
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let text = read(&workspace.root().join(MEASURED))?;
        serde_json::from_str(&text).with_context(|| format!("{MEASURED} is damaged"))
    }

    /// Puts a part's rows in the place of its last ones.
    pub fn put(&mut self, part: Part, rows: Vec<Row>) {
        let date = process::answer(Command::new("date").args(["-u", "+%F"])).unwrap_or_default();
        self.parts.insert(part, Section { date, machine: machine(), rows });
    }

    /// Writes the file, the page and the picture.
    pub fn write(&self, workspace: &Workspace) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("the measurements cannot be written")?;
        write(&workspace.root().join(MEASURED), &(text + "\n"))?;
        let page = workspace.root().join(PAGE);
        write(&page, &self.page(&read(&page)?)?)?;
        write(&workspace.root().join(PICTURE), &self.picture())
    }

    /// Returns the page with these measurements in it.
    fn page(&self, text: &str) -> Result<String> {
        let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{PAGE} has no line {BEGIN}"))?;
        let (_, after) = rest.split_once(END).with_context(|| format!("{PAGE} has no line {END}"))?;
        let sections: Vec<_> = self.parts.iter().map(|(part, section)| section.shown(*part)).collect();
        Ok(format!("{before}{BEGIN}\n\n{}\n{END}{after}", sections.join("\n")))
    }

    fn picture(&self) -> String {
        picture::draw(&self.instructions, &self.growth)
    }
}

impl Section {
    fn shown(&self, part: Part) -> String {
        let row = |row: &Row| {
            let verdict = if row.missed { " **missed**" } else { "" };
            format!("| {} | {} | {}{verdict} |\n", row.what, row.figure, row.must)
        };
        let rows: String = self.rows.iter().map(row).collect();
        format!(
            "### {}\n\nMeasured on {} on {}.\n\n| | figure | must |\n| --- | --- | --- |\n{rows}",
            part.title(),
            self.date,
            self.machine
        )
    }
}

/// Names the machine: its processor and the number of its cores.
fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = info.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let models: Vec<_> = models.map(|(_, model)| model).collect();
    format!("{} with {} cores", models.first().unwrap_or(&"an unknown processor"), models.len())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, Measured, PAGE, PICTURE, read};
    use crate::commands::bench::Part;
    use crate::commands::bench::report::Row;
    use crate::tools::workspace::Workspace;

    #[test]
    fn the_page_shows_the_last_measurements() {
        let workspace = Workspace::find().expect("the repository");
        let measured = Measured::read(&workspace).expect("measurements");
        let page = read(&workspace.root().join(PAGE)).expect("the page");
        assert_eq!(measured.page(&page).expect("a page"), page, "run `cargo xtask bench --write`");
        let picture = read(&workspace.root().join(PICTURE)).expect("the picture");
        assert_eq!(measured.picture(), picture, "run `cargo xtask bench --write`");
    }

    #[test]
    fn the_ratio_to_python_in_the_text_is_the_measured_one() {
        let workspace = Workspace::find().expect("the repository");
        let found = Measured::read(&workspace).expect("measurements").instructions;
        let tenths = (found["Python"]["GET"] * 10 + found["ours"]["GET"] / 2) / found["ours"]["GET"];
        let said = format!("Python takes {}.{} times the instructions of a GET", tenths / 10, tenths % 10);
        assert!(read(&workspace.root().join(PAGE)).expect("the page").contains(&said), "{said}");
    }

    #[test]
    fn a_part_is_put_between_the_markers() {
        let mut measured = Measured::default();
        measured.put(Part::Audit, vec![Row::times("records", 3.0, 10.0)]);
        let page = measured.page(&format!("Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")).expect("a page");
        assert!(page.starts_with("Before.") && page.ends_with("After.\n") && !page.contains("old"), "{page}");
        assert!(page.contains("| records | 3.0 × | ≥ 10 × **missed** |"), "{page}");
        measured.page("no markers").expect_err("nowhere to write");
    }
}
