//! The rooms of this crate, which may know which, and that no two modules need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with those it may use, all of which stand above it: so there is no circle.
const ROOMS: [(&str, &[&str]); 5] = [
    ("tools", &[]),
    ("service", &["tools"]),
    ("local", &["service", "tools"]),
    ("account", &["service", "tools"]),
    ("commands", &["account", "local", "service", "tools"]),
];

#[test]
fn a_room_uses_those_it_says_and_only_such_above_it() {
    let uses = uses();
    let mut above = BTreeSet::new();
    for (room, says) in ROOMS {
        let found: BTreeSet<&str> = uses
            .iter()
            .filter(|(module, _)| room_of(module) == room)
            .flat_map(|(_, used)| used)
            .map(|used| room_of(used))
            .collect();
        let says: BTreeSet<&str> = says.iter().copied().collect();
        assert_eq!(&found - &BTreeSet::from([room]), says, "{room}");
        assert!(says.is_subset(&above), "{room} uses a room below it");
        above.insert(room);
    }
}

#[test]
fn no_module_needs_one_that_needs_it() {
    let uses = uses();
    for module in uses.keys() {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = uses[module].iter().collect();
        while let Some(used) = next.pop() {
            assert!(used != module, "{module} is in a circle");
            if reached.insert(used) {
                next.extend(uses.get(used).into_iter().flatten());
            }
        }
    }
}

#[test]
fn every_file_is_in_a_room() {
    let known: BTreeSet<&str> =
        ROOMS.map(|(room, _)| room).into_iter().chain(["documents", "main", "rooms"]).collect();
    let found: BTreeSet<String> =
        files(&source()).iter().map(|file| room_of(&module_of(file)).to_owned()).collect();
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

/// Finds for each module (`room::file`, with what is below the file) those it uses.
fn uses() -> BTreeMap<String, BTreeSet<String>> {
    let mut uses = BTreeMap::<String, BTreeSet<String>>::new();
    for file in files(&source()) {
        let module = module_of(&file);
        let code = fs::read_to_string(file).expect("a source file");
        let others = paths(&code).into_iter().filter(|path| *path != module);
        uses.entry(module.clone()).or_default().extend(others);
    }
    assert!(uses.values().map(BTreeSet::len).sum::<usize>() > 100, "the sources are not read");
    uses
}

/// Finds the `room::file` of every path that begins at the crate's root.
fn paths(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
    };
    let path = |rest: &str| {
        let room = word(rest);
        rest[room.len()..].strip_prefix("::").map(|rest| format!("{room}::{}", word(rest)))
    };
    code.split("crate::").skip(1).filter_map(path).collect()
}

#[test]
fn a_path_is_found_wherever_it_stands() {
    let code =
        "use crate::tools::lock::Lock;\nfn f() { crate::local::stack::g() }\n/// See [`crate::tools`].";
    assert_eq!(paths(code), BTreeSet::from(["local::stack".to_owned(), "tools::lock".to_owned()]));
}

fn module_of(file: &Path) -> String {
    let path = file.strip_prefix(source()).expect("below src").with_extension("");
    let parts: Vec<_> = path.iter().take(2).map(|part| part.to_string_lossy()).collect();
    parts.join("::")
}

fn room_of(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { BTreeSet::from([path]) }).collect()
}
