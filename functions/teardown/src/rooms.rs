//! The rooms of this crate, held by their sources: no step reaches into another, and nothing beside them calls one.

use std::{fs, path::Path};

use contract::Step;

/// The files of a room, with their code: no comments.
fn sources(room: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let code = |text: &str| -> String {
        text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect()
    };
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            (name, code(&fs::read_to_string(&file).unwrap()))
        })
        .collect()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

#[test]
fn no_step_reaches_into_another() {
    let files = sources("steps");
    for (file, code) in &files {
        assert!(words(code).all(|word| word != "steps"), "steps/{file}.rs goes through crate::steps");
        let other =
            code.match_indices("super::").find(|(at, found)| !code[at + found.len()..].starts_with('*'));
        assert_eq!(other, None, "steps/{file}.rs goes through super");
    }
}

#[test]
fn every_step_has_a_file_of_its_name_and_nothing_else_is_there() {
    let mut files: Vec<_> = sources("steps").into_iter().map(|(file, _)| file).collect();
    let mut steps: Vec<_> = Step::ALL.iter().map(|step| step.name()).collect();
    files.sort();
    steps.sort_unstable();
    assert_eq!(files, steps);
}

#[test]
fn what_is_beside_the_steps_calls_none() {
    for (file, code) in sources("")
        .into_iter()
        .filter(|(file, _)| !["lib", "main", "rooms", "steps"].contains(&file.as_str()))
    {
        assert!(words(&code).all(|word| word != "steps"), "{file}.rs calls a step");
    }
}
