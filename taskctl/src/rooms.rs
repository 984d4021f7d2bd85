//! The rooms of this crate, and the direction in which they may use each other.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each room with those it uses. They stand above it, so there is no circle.
const ROOMS: [(&str, &[&str]); 9] = [
    ("terminal", &[]),
    ("html", &["terminal"]),
    ("cli", &["terminal"]),
    ("account", &["cli", "terminal"]),
    ("follow", &["account", "cli", "terminal"]),
    ("report", &["account", "cli", "html", "terminal"]),
    ("audit", &["account", "cli", "html", "terminal"]),
    ("rescue", &["account", "cli", "follow", "report", "terminal"]),
    ("commands", &["account", "audit", "cli", "follow", "report", "rescue", "terminal"]),
];

#[test]
fn a_room_uses_those_it_says_and_only_such_above_it() {
    let mut above = BTreeSet::new();
    for (room, uses) in ROOMS {
        let code: String = code_of(room).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        let found =
            ROOMS.map(|(other, _)| other).into_iter().filter(|other| *other != room && names(&code, other));
        let uses: BTreeSet<&str> = uses.iter().copied().collect();
        assert_eq!(found.collect::<BTreeSet<_>>(), uses, "{room}");
        assert!(uses.is_subset(&above), "{room} uses a room below it");
        above.insert(room);
    }
}

#[test]
fn every_file_is_in_a_room() {
    let mut known: BTreeSet<PathBuf> = ROOMS.iter().flat_map(|(room, _)| code_of(room)).collect();
    known.extend(["main.rs", "rooms.rs"].map(|name| source().join(name)));
    let mut all = BTreeSet::new();
    below(&source(), &mut all);
    assert_eq!(all, known);
}

/// Tells whether code has a path that leads into the room: `room::…`, also as a part of `use crate::{…}`.
fn names(code: &str, room: &str) -> bool {
    let word = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(&format!("{room}::")).any(|(at, _)| !code[..at].ends_with(word))
}

#[test]
fn a_path_into_a_room_is_found_wherever_it_stands() {
    for code in [
        "use crate::report::find;",
        "use crate::{\n    cli::hint,\n    report::text,\n};",
        "crate::report::of()",
    ] {
        assert!(names(code, "report"), "{code}");
    }
    assert!(!names("other_report::of(report)", "report"));
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn code_of(room: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::from([source().join(format!("{room}.rs"))]);
    below(&source().join(room), &mut found);
    found
}

fn below(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, found);
        } else {
            found.insert(path);
        }
    }
}
