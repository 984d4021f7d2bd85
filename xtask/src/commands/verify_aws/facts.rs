//! docs/aws-facts.md: everything that it names as holding a fact is there.

use std::fs;
use std::path::Path;

use crate::tools::workspace::Workspace;

/// Returns the files, and tests in them, that the last column of a row names.
fn names(row: &str) -> Vec<&str> {
    let cell = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
    cell.split('`').skip(1).step_by(2).collect()
}

/// Explains what is missing when a name, `path` or `path::test`, leads nowhere.
fn missing(root: &Path, name: &str) -> Option<String> {
    let (path, test) = name.split_once("::").map_or((name, None), |(path, test)| (path, Some(test)));
    let Ok(source) = fs::read_to_string(root.join(path)) else {
        return Some(format!("there is no file {path}"));
    };
    let test = test?;
    let found = [format!("def {test}("), format!("fn {test}(")].iter().any(|begin| source.contains(begin));
    (!found).then(|| format!("{path} has no test {test}"))
}

fn rows(document: &str) -> impl Iterator<Item = &str> {
    let table =
        |line: &&str| line.starts_with("| ") && !line.starts_with("| ---") && !line.starts_with("| AWS |");
    document.lines().filter(table)
}

#[test]
fn everything_that_holds_a_fact_is_there() {
    let workspace = Workspace::find().expect("the repository");
    let document = fs::read_to_string(workspace.root().join("docs/aws-facts.md")).expect("the document");
    let facts = document.split("## Documented").next().unwrap_or_default();
    for row in rows(facts) {
        assert!(names(row).iter().any(|name| name.contains("::")), "no test holds: {row}");
    }
    let missing: Vec<String> =
        rows(&document).flat_map(names).filter_map(|name| missing(workspace.root(), name)).collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    for likely in document.split("(likely: row `").skip(1) {
        let id = likely.split('`').next().unwrap_or_default();
        assert!(super::rows::row(id).is_some(), "there is no row {id}");
    }
    assert!(rows(&document).count() > 30, "the tables are not read");
}

#[test]
fn a_name_that_is_not_there_is_told() {
    let root = Workspace::find().expect("the repository").root().to_owned();
    assert_eq!(names("| a | `no` | `x.py`, `y.rs::z` |"), ["x.py", "y.rs::z"]);
    assert!(missing(&root, "nowhere.py").is_some());
    assert!(missing(&root, "xtask/src/commands/verify_aws/facts.rs::nothing_of_the_kind").is_some());
    assert_eq!(
        missing(&root, "xtask/src/commands/verify_aws/facts.rs::a_name_that_is_not_there_is_told"),
        None
    );
}
