//! The boundary of this crate, held by its sources: it knows stacks, and nothing of whose they are or who asks.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The beginnings of words that belong to the service whose stacks are torn down, or to the workflow that does it.
const THEIRS: [&str; 5] = ["task", "audit", "sentinel", "quarantine", "seal"];
/// Whole words of theirs.
const THEIR_WORDS: [&str; 4] = ["run", "runs", "step", "steps"];

#[test]
fn no_word_here_is_the_services_or_the_workflows() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(files.len() > 10, "the sources are not read");
    for file in files.iter().filter(|file| !file.ends_with("rooms.rs")) {
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(words(&text).find(|word| is_theirs(word)), None, "{}", file.display());
    }
}

#[test]
fn a_word_is_found_in_whatever_name_it_stands() {
    for text in
        ["// the run keeps", "fn task_table()", "Named::AuditLog", "const SEAL_WHY", "\"tasks-dev\"", "Step"]
    {
        assert!(words(text).any(|word| is_theirs(&word)), "{text}");
    }
    for text in ["runtime::Error", "multitasking", "stepped", "truncated", "a stack"] {
        assert!(!words(text).any(|word| is_theirs(&word)), "{text}");
    }
}

fn is_theirs(word: &str) -> bool {
    THEIRS.iter().any(|beginning| word.starts_with(beginning)) || THEIR_WORDS.contains(&word)
}

/// Returns the words of a text in small letters, also those that a name is made of.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut parted = String::new();
    let mut last = ' ';
    for letter in text.chars() {
        if letter.is_uppercase() && last.is_lowercase() {
            parted.push(' ');
        }
        parted.push(if letter.is_alphanumeric() { letter } else { ' ' });
        last = letter;
    }
    parted.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().into_iter()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
