//! Reports of a run on the local AWS, shown as they always were. After a change that is meant to show:
//! `REFRESH=1 cargo test -p taskctl recorded`.

use std::{env, fs, path::Path};

use contract::{Entry, FoundFate, Inventory, Noted, PlannedFate, Report, Request};

use crate::{
    report::{
        Written,
        plan::Plan,
        summary::Table,
        text::{self, with_flags},
    },
    terminal::{layout::one_line, screen::Paint},
};

/// The widths that terminals have.
const WIDTHS: [usize; 2] = [80, 120];

#[test]
fn recorded_reports_are_shown_as_they_were() {
    for name in ["refused", "deleted", "failed", "unproven"] {
        let written = read(name);
        for width in WIDTHS {
            let shown = text::report(&written, Paint::NONE, Some(width));
            compare(&format!("{name}-{width}"), &shown);
            let report = &written.report;
            let mut whole = noted(&report.kept);
            whole.extend(noted(&report.unproven));
            whole.extend(noted(&report.emptied));
            whole.extend(report.restored.as_ref().map(|restored| restored.what.clone()));
            whole.extend(report.reason.as_deref().map(with_flags));
            if let Inventory::Found(entries) = &report.inventory {
                whole.extend(entries.iter().filter(|entry| entry.fate == FoundFate::Present).flat_map(words));
            }
            nothing_is_cut(&shown, &whole, width);
        }
    }
}

#[test]
fn a_recorded_plan_is_shown_as_it_was_and_asked_about() {
    let report = read("planned").report;
    let request = Request::plan(report.stack.clone());
    let tables = [Table { name: "tasks-e0-TasksTable45D1B62D-42FF987BFDF17".into(), items: Ok(1_234) }];
    let plan = Plan { report: &report, request: &request, tables: &tables };
    for width in WIDTHS {
        let start = "taskctl teardown start tasks-e0";
        let shown = plan.text(start, Paint::NONE, Some(width));
        compare(&format!("planned-{width}"), &shown);
        let asked = plan.question("account 670801439000, AWS, region us-east-1", Paint::NONE, Some(width));
        compare(&format!("asked-{width}"), &asked);
        for shown in [shown, asked] {
            nothing_is_cut(&shown, &planned(&report), width);
        }
    }
}

#[test]
fn a_plan_that_is_blocked_says_whole_by_what() {
    let why = "the log group /tasks/e0/audit has deletion protection: consent with overrideLogProtection";
    let report = Report { blockers: vec![why.into()], ..read("planned").report };
    let request = Request::plan(report.stack.clone());
    let plan = Plan { report: &report, request: &request, tables: &[] };
    for width in WIDTHS {
        let shown = plan.text("taskctl teardown start tasks-e0", Paint::NONE, Some(width));
        nothing_is_cut(&shown, &[with_flags(why)], width);
    }
}

/// The texts that a plan must say whole: every name, and why things stay.
fn planned(report: &Report) -> Vec<String> {
    let mut whole = noted(&report.kept);
    if let Inventory::Planned(entries) = &report.inventory {
        for entry in entries {
            // What stays is called by the name that it has in AWS alone.
            let other =
                if entry.fate == PlannedFate::Keep { one_line(&entry.why) } else { entry.logical_id.clone() };
            whole.extend([entry.physical_id.clone(), other]);
        }
    }
    whole
}

fn words<Fate>(entry: &Entry<Fate>) -> [String; 2] {
    [entry.physical_id.clone(), one_line(&entry.why)]
}

/// Notes are shown with the names of their things, a plan's as the entry they are about.
fn noted(noted: &[Noted]) -> Vec<String> {
    noted.iter().flat_map(|noted| [noted.id.clone(), one_line(&noted.why)]).collect()
}

/// A name stands whole in one line, so that it can be copied; a sentence after its lines are joined. No line is wider than the
/// terminal but one of a single word.
fn nothing_is_cut(shown: &str, whole: &[String], width: usize) {
    assert!(!shown.contains('…'), "{shown}");
    let joined = one_line(shown);
    for text in whole {
        if text.contains(' ') {
            assert!(joined.contains(text.as_str()), "{text:?} is cut in\n{shown}");
        } else {
            assert!(shown.lines().any(|line| line.contains(text.as_str())), "{text:?} is cut in\n{shown}");
        }
    }
    for line in shown.lines().filter(|line| line.chars().count() > width) {
        assert!(!line.trim().contains(' ') || is_command(line), "{line:?} is wider than {width}");
    }
}

/// A command is not broken either.
fn is_command(line: &str) -> bool {
    line.starts_with("next: ")
        || line.starts_with("plan hash: ")
        || line.starts_with("  stack ")
        || line.starts_with("  execution ")
}

#[test]
fn what_is_cut_is_seen() {
    let cut = |shown: &str, text: &str| {
        std::panic::catch_unwind(|| nothing_is_cut(shown, &[text.to_owned()], 80)).is_err()
    };
    assert!(cut("  tasks-e0-Ta…62D", "tasks-e0-TasksTable45D1B62D"));
    assert!(cut("  tasks-e0-Tasks\n  Table45D1B62D", "tasks-e0-TasksTable45D1B62D"));
    assert!(cut("  kept as", "kept as it was"));
    assert!(!cut("  kept as\n    it was", "kept as it was"));
    assert!(cut(&"wide ".repeat(20), "wide"));
}

fn path(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/recorded").join(file)
}

pub fn read(name: &str) -> Written {
    Written::parse(&fs::read_to_string(path(&format!("{name}.json"))).unwrap()).expect("a report")
}

fn compare(name: &str, shown: &str) {
    let (path, shown) = (path(&format!("{name}.txt")), format!("{shown}\n"));
    if env::var_os("REFRESH").is_some() {
        fs::write(&path, &shown).unwrap();
    }
    assert_eq!(shown, fs::read_to_string(&path).unwrap_or_default(), "{name}");
}
