//! The plan for people.

use contract::{Inventory, Noted, Planned, PlannedFate, Report};

use crate::{
    cli::hint,
    report::text::{section, with_flags},
    terminal::{
        layout::one_line,
        screen::{Colour, Paint},
    },
};

/// Returns the plan for people: what goes, what stays and why, what has to be consented to, and the next command.
pub fn text(report: &Report, start: &str, paint: Paint, width: Option<usize>) -> String {
    let stack = paint.text(Colour::Bold, &report.stack);
    let mut lines = vec![format!("The teardown of {stack} would do this. Nothing has been changed.")];
    let (goes, kept) = (doomed(report), staying(report));
    section(&mut lines, paint, &format!("Removed ({})", goes.len()), &goes, width);
    section(&mut lines, paint, &format!("Kept ({})", kept.len()), &kept, width);
    let blockers: Vec<Vec<String>> =
        report.blockers.iter().map(|blocker| vec![with_flags(blocker)]).collect();
    section(&mut lines, paint, "Needed before it can start", &blockers, None);
    if report.blockers.is_empty() {
        lines.push("\nNo further consent is needed.".to_owned());
    }
    let hash = report.plan_hash.as_deref();
    lines.extend(hash.map(|hash| format!("\nplan hash: {hash}")));
    let exactly = hash.map(|hash| format!(" --plan-hash {hash}")).unwrap_or_default();
    lines.push(match consents(report) {
        Some(flags) if flags.is_empty() => format!("next: {start}{exactly}"),
        Some(flags) => format!("next, if you consent: {start}{flags}{exactly}"),
        None => format!(
            "next: remove what stands in the way, then: {}",
            hint::command(&format!("teardown plan {}", report.stack))
        ),
    });
    lines.join("\n")
}

/// Returns the flags that answer all blockers; `None` when consent alone does not do.
fn consents(report: &Report) -> Option<String> {
    if report.blockers.is_empty() {
        return Some(String::new());
    }
    let consents = report.consents.as_ref()?;
    Some(consents.iter().flat_map(|consent| [" ", consent.flag()]).collect())
}

fn planned(report: &Report, fate: PlannedFate) -> Vec<&Planned> {
    match &report.inventory {
        Inventory::Planned(entries) => entries.iter().filter(|entry| entry.fate == fate).collect(),
        // The plan of a stack that is gone: its things were looked for already.
        Inventory::Found(_) => Vec::new(),
    }
}

/// Returns type, name in the template and name in AWS, by type; and why, where the reasons differ.
fn doomed(report: &Report) -> Vec<Vec<String>> {
    let mut entries = planned(report, PlannedFate::Delete);
    entries.sort_by_key(|entry| (&entry.kind, &entry.logical_id));
    let differ = entries.windows(2).any(|pair| pair[0].why != pair[1].why);
    let row = |entry: &&Planned| {
        let why = if differ { one_line(&entry.why) } else { String::new() };
        vec![entry.kind.clone(), entry.logical_id.clone(), entry.physical_id.clone(), why]
    };
    entries.iter().map(row).collect()
}

/// Returns type, name and why.
fn staying(report: &Report) -> Vec<Vec<String>> {
    let entries = planned(report, PlannedFate::Keep);
    let told = |noted: &&Noted| entries.iter().any(|entry| noted.is_about(&entry.kind, &entry.physical_id));
    let noted = report.kept.iter().filter(|noted| !told(noted));
    let noted = noted.map(|noted| vec![String::new(), noted.what.clone(), one_line(&noted.why)]);
    let row = |entry: &&Planned| vec![entry.kind.clone(), entry.physical_id.clone(), one_line(&entry.why)];
    entries.iter().map(row).chain(noted).collect()
}

#[cfg(test)]
mod tests {
    use contract::{Consent, Entry, Inventory, Noted, Outcome, PlannedFate, Report};

    use super::text;
    use crate::{
        report::{Written, samples::DELETED, text::fates},
        terminal::screen::Paint,
    };

    fn planned(report: Report) -> String {
        let report = Report { stack: "tasks-dev".into(), outcome: Outcome::Planned, ..report };
        text(&report, "taskctl teardown start tasks-dev", Paint::NONE, None)
    }

    #[test]
    fn what_no_consent_answers_has_no_flags() {
        let next = |blockers: &[&str], consents: Option<&[Consent]>| {
            let blockers = blockers.iter().map(|&blocker| blocker.to_owned()).collect();
            let consents = consents.map(|consents| consents.iter().copied().collect());
            let plan = planned(Report { blockers, consents, ..Report::default() });
            plan.lines().last().unwrap_or_default().to_owned()
        };
        let start = "taskctl teardown start tasks-dev";
        assert_eq!(next(&[], Some(&[])), format!("next: {start}"));
        assert_eq!(next(&[], None), format!("next: {start}"), "an older workflow names no consents");
        let consents = [Consent::OverrideLogProtection, Consent::DeleteData];
        assert_eq!(
            next(&["x", "y"], Some(&consents)),
            format!("next, if you consent: {start} --delete-data --override-log-protection")
        );
        assert_eq!(
            next(&["deleteData is no consent here"], None),
            "next: remove what stands in the way, then: taskctl teardown plan tasks-dev"
        );
    }

    #[test]
    fn what_an_entry_says_is_not_said_again_by_a_note() {
        let entry = |kind: &str, id: &str| Entry {
            kind: kind.into(),
            logical_id: String::new(),
            physical_id: id.into(),
            fate: PlannedFate::Keep,
            why: "asked for".into(),
        };
        let (log, bucket) = (entry("AWS::Logs::LogGroup", "audit"), entry("AWS::S3::Bucket", "b"));
        let kept = vec![Noted::entry(&log), Noted::resource("AWS::Logs::LogGroup", "b", "another thing")];
        let inventory = Inventory::Planned(vec![log, bucket]);
        let plan = planned(Report { inventory, kept, ..Report::default() });
        assert!(plan.contains("Kept (3)"), "{plan}");
    }

    #[test]
    fn a_plan_says_what_goes_what_stays_and_what_is_needed() {
        let json = DELETED
            .replace("\"fate\":\"absent\"", "\"fate\":\"delete\"")
            .replace("\"fate\":\"kept\"", "\"fate\":\"keep\"")
            .replace(
                "\"unproven\":[]",
                r#""unproven":[],"blockers":["the table is protected: consent with deleteData"],"consents":["deleteData"]"#,
            );
        let report = Written::parse(&json).expect("a report").report;
        assert_eq!(fates(&report.inventory), "2 entries: 1 delete, 1 keep");
        let expected = "\
The teardown of tasks-dev would do this. Nothing has been changed.

Removed (1)
  AWS::DynamoDB::Table  Table  t

Kept (1)
  AWS::Logs::LogGroup  /tasks/dev/audit  asked for

Needed before it can start
  the table is protected: consent with --delete-data

plan hash: p
next, if you consent: taskctl teardown start tasks-dev --delete-data --plan-hash p";
        assert_eq!(text(&report, "taskctl teardown start tasks-dev", Paint::NONE, None), expected);
    }
}
