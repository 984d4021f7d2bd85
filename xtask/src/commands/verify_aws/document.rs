//! docs/aws-unverified.md: its tables are the rows, between marks.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::rows::{Check, Part, ROWS, Row};
use crate::tools::workspace::Workspace;

const END: &str = "<!-- end -->";

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root().join("docs/aws-unverified.md")
}

/// Writes the rows into the document.
pub fn write(workspace: &Workspace) -> Result<()> {
    let path = path(workspace);
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let text = with_tables(&text)?;
    fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// Returns the document with the tables made from the rows.
fn with_tables(document: &str) -> Result<String> {
    let mut text = document.to_owned();
    for part in Part::ALL {
        let mark = format!("<!-- rows: {} -->\n", part.name());
        let (before, rest) = text.split_once(&mark).with_context(|| format!("there is no {mark}"))?;
        let (_, after) = rest.split_once(END).with_context(|| format!("nothing ends {mark}"))?;
        text = format!("{before}{mark}{}{END}{after}", table(part));
    }
    Ok(text)
}

fn table(part: Part) -> String {
    let head =
        "| row | assumption | where it is used | command, and what must show |\n| --- | --- | --- | --- |\n";
    let rows: String = ROWS.iter().filter(|row| row.part == part).map(line).collect();
    format!("{head}{rows}")
}

fn line(row: &Row) -> String {
    let why = match row.check {
        Check::ByHand(why) => format!(" (by hand: {why})"),
        _ => String::new(),
    };
    let cells =
        [format!("`{}`", row.id), row.assumption.into(), row.used.into(), format!("{}{why}", row.by_hand)];
    // A bar inside a code span would end the cell too.
    format!("| {} |\n", cells.map(|cell: String| cell.replace('|', r"\|")).join(" | "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::{path, with_tables};
    use crate::commands::verify_aws::rows::ROWS;
    use crate::tools::workspace::Workspace;

    #[test]
    fn the_document_shows_the_rows_as_they_are() {
        let workspace = Workspace::find().expect("the repository");
        let document = fs::read_to_string(path(&workspace)).expect("the document");
        let wanted = with_tables(&document).expect("every mark");
        assert!(document == wanted, "run `cargo xtask verify-aws --document` and look at what it changes");
    }

    #[test]
    fn no_two_rows_have_one_id() {
        let ids: BTreeSet<&str> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), ROWS.len());
    }
}
