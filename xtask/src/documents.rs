//! The documents: every link leads somewhere, and every path that the map and the recipes name is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tools::workspace::Workspace;

fn documents(root: &Path) -> Vec<PathBuf> {
    let folders = ["", "cdk", "docs", "docs/decisions", "local"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder of the repository"));
    let files = files.map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// GitHub's anchor of a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The reason why a relative link leads nowhere, if it does.
fn broken(document: &Path, link: &str) -> Option<String> {
    let (file, fragment) = link.split_once('#').map_or((link, None), |(file, part)| (file, Some(part)));
    let target = if file.is_empty() { document.to_owned() } else { document.parent()?.join(file) };
    let told = |why: &str| Some(format!("{}: {link}: {why}", document.display()));
    if !target.exists() {
        return told("there is no such file");
    }
    let text = fs::read_to_string(&target).unwrap_or_default();
    let mut headings = text.lines().filter(|line| line.starts_with('#')).map(anchor);
    match fragment {
        Some(fragment) if !headings.any(|heading| heading == fragment) => told("there is no such heading"),
        _ => None,
    }
}

fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
}

#[test]
fn every_link_leads_somewhere() {
    let root = Workspace::find().expect("the repository").root().to_owned();
    let documents = documents(&root);
    let texts = documents.iter().map(|path| (path, fs::read_to_string(path).expect("a document")));
    let broken: Vec<String> = texts
        .flat_map(|(path, text)| links(&text).filter_map(|link| broken(path, link)).collect::<Vec<_>>())
        .collect();
    assert!(documents.len() > 30 && broken.is_empty(), "{}", broken.join("\n"));
}

/// In code spans, from the repository's root; with placeholders only as far as they are none.
#[test]
fn every_path_of_the_map_and_the_recipes_is_there() {
    let root = Workspace::find().expect("the repository").root().to_owned();
    let tops = [
        "functions/",
        "statemachine/",
        "taskctl/",
        "cdk/",
        "deployment/",
        "local/",
        "xtask/",
        "tests/e2e/",
        "docs/",
    ];
    let mut count = 0;
    for document in ["docs/ARCHITECTURE.md", "docs/CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(document)).expect("a document");
        for path in
            text.split('`').skip(1).step_by(2).filter(|span| tops.iter().any(|top| span.starts_with(top)))
        {
            let path = path.split(['<', '{', '*']).next().unwrap_or_default();
            let folder =
                path.rfind('/').map_or(path, |end| if path.ends_with('/') { path } else { &path[..end] });
            let exact = path.contains('.') || path.ends_with('/');
            assert!(root.join(if exact { path } else { folder }).exists(), "{document} names {path}");
            count += 1;
        }
    }
    assert!(count > 50, "the documents are not read: {count}");
}

#[test]
fn a_link_that_leads_nowhere_is_told() {
    let document = Workspace::find().expect("the repository").root().join("README.md");
    assert!(broken(&document, "docs/nothing.md").is_some_and(|why| why.contains("no such file")));
    assert!(broken(&document, "docs/api.md#nothing").is_some_and(|why| why.contains("no such heading")));
    assert_eq!(broken(&document, "docs/api.md#problems"), None);
    assert_eq!(anchor("## Cost of each call, `held`"), "cost-of-each-call-held");
    assert_eq!(links("[a](b.md#c) [d](https://e) ![f](g.svg)").collect::<Vec<_>>(), ["b.md#c", "g.svg"]);
}
