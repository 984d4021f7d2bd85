//! Reports of a run on the local AWS, shown as they always were. After a change that is meant to show:
//! `REFRESH=1 cargo test -p taskctl recorded`.

use std::{env, fs, path::Path};

use crate::{
    report::{Written, plan, text},
    terminal::screen::Paint,
};

const WIDTH: Option<usize> = Some(120);

#[test]
fn recorded_reports_are_shown_as_they_were() {
    for name in ["refused", "deleted"] {
        compare(name, &text::report(&read(name), Paint::NONE, WIDTH));
    }
}

#[test]
fn a_recorded_plan_is_shown_as_it_was() {
    let planned = read("planned").report;
    compare("planned", &plan::text(&planned, "taskctl teardown start tasks-e0", Paint::NONE, WIDTH));
}

fn path(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/recorded").join(file)
}

fn read(name: &str) -> Written {
    Written::parse(&fs::read_to_string(path(&format!("{name}.json"))).unwrap()).expect("a report")
}

fn compare(name: &str, shown: &str) {
    let (path, shown) = (path(&format!("{name}.txt")), format!("{shown}\n"));
    if env::var_os("REFRESH").is_some() {
        fs::write(&path, &shown).unwrap();
    }
    assert_eq!(shown, fs::read_to_string(&path).unwrap_or_default(), "{name}");
}
