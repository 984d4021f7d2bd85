//! A page of `docs/` with a part that a command writes, between two markers.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::tools::workspace::Workspace;

/// A page and the command whose output it holds.
#[derive(Debug)]
pub struct Page {
    path: PathBuf,
    begin: String,
    end: String,
}

impl Page {
    /// Names the page `docs/<name>.md`, of which `cargo xtask <name> --write` writes the part between the markers.
    pub fn of(workspace: &Workspace, name: &str) -> Self {
        Self {
            path: workspace.root().join(format!("docs/{name}.md")),
            begin: format!("<!-- cargo xtask {name} --write: from here -->"),
            end: format!("<!-- cargo xtask {name} --write: to here -->"),
        }
    }

    /// Returns what the page has between its markers.
    #[cfg(test)]
    pub fn written(&self) -> Result<String> {
        let text = self.text()?;
        let (begin, end) = self.part(&text)?;
        Ok(text[begin..end].trim().to_owned())
    }

    /// Puts this between the markers.
    pub fn write(&self, part: &str) -> Result<()> {
        let text = self.text()?;
        let (begin, end) = self.part(&text)?;
        let text = format!("{}\n\n{}\n\n{}", &text[..begin], part.trim(), &text[end..]);
        fs::write(&self.path, text).with_context(|| format!("{} cannot be written", self.path.display()))
    }

    fn text(&self) -> Result<String> {
        fs::read_to_string(&self.path).with_context(|| format!("{} cannot be read", self.path.display()))
    }

    fn part(&self, text: &str) -> Result<(usize, usize)> {
        let missing = |marker: &str| format!("{} lacks the line {marker}", self.path.display());
        let begin = text.find(&self.begin).with_context(|| missing(&self.begin))? + self.begin.len();
        let length = text[begin..].find(&self.end).with_context(|| missing(&self.end))?;
        Ok((begin, begin + length))
    }
}

/// Writes a whole number as pages have it, with commas.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_is_written() {
        let folder = std::env::temp_dir().join(format!("page-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let page = Page { path: folder.join("a.md"), begin: "<!-- a -->".into(), end: "<!-- b -->".into() };
        assert!(page.written().is_err());
        fs::write(&page.path, "before\n<!-- a -->\nold\n<!-- b -->\nafter\n").expect("a page");
        page.write("new").expect("a page");
        assert_eq!(page.written().expect("a page"), "new");
        let text = fs::read_to_string(&page.path).expect("a page");
        assert_eq!(text, "before\n<!-- a -->\n\nnew\n\n<!-- b -->\nafter\n");
        fs::remove_dir_all(folder).expect("a folder");
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([7.0, 999.6, 1_000.0, 1_234_567.0].map(thousands), ["7", "1,000", "1,000", "1,234,567"]);
    }
}
