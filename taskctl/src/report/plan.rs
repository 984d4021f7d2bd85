//! The plan for people.

use crate::{
    cli::hint,
    report::{
        Entry, Noted, Report,
        text::{FLAGS, section, with_flag},
    },
    terminal::{
        layout::one_line,
        screen::{Colour, Paint},
    },
};

/// The flags that answer all blockers; `None` when a consent does not do.
fn consents(blockers: &[String]) -> Option<String> {
    let answers = |blocker: &String| FLAGS.iter().any(|(field, _)| blocker.contains(field));
    let asked = |field: &str| blockers.iter().any(|blocker| blocker.contains(field));
    let flags = FLAGS.iter().filter(|(field, _)| asked(field)).map(|(_, flag)| format!(" {flag}"));
    blockers.iter().all(answers).then(|| flags.collect())
}

/// Type, name in the template, name in AWS; and why, where that tells something. By type.
fn doomed(report: &Report) -> Vec<Vec<String>> {
    let mut entries: Vec<&Entry> = report.inventory.iter().filter(|entry| entry.fate == "delete").collect();
    entries.sort_by_key(|entry| (&entry.kind, &entry.logical_id));
    let told = entries.windows(2).any(|pair| pair[0].why != pair[1].why);
    let row = |entry: &&Entry| {
        let why = if told { one_line(&entry.why) } else { String::new() };
        vec![entry.kind.clone(), entry.logical_id.clone(), entry.physical_id.clone(), why]
    };
    entries.iter().map(row).collect()
}

/// Type, name and why.
fn staying(report: &Report) -> Vec<Vec<String>> {
    let entries: Vec<&Entry> = report.inventory.iter().filter(|entry| entry.fate == "keep").collect();
    let known = |noted: &&Noted| !entries.iter().any(|entry| noted.what.ends_with(&entry.physical_id));
    let noted = report
        .kept
        .iter()
        .filter(known)
        .map(|noted| vec![String::new(), noted.what.clone(), one_line(&noted.why)]);
    let rows =
        entries.iter().map(|entry| vec![entry.kind.clone(), entry.physical_id.clone(), one_line(&entry.why)]);
    rows.chain(noted).collect()
}

/// The plan for people: what goes, what stays and why, what has to be consented to, and the next command.
pub fn text(report: &Report, start: &str, paint: Paint, width: Option<usize>) -> String {
    let stack = report.stack.as_deref().unwrap_or("the stack");
    let intro = format!(
        "The teardown of {} would do this. Nothing has been changed.",
        paint.text(Colour::Bold, stack)
    );
    let (goes, kept) = (doomed(report), staying(report));
    let mut lines = vec![intro];
    section(&mut lines, paint, &format!("Removed ({})", goes.len()), &goes, width);
    section(&mut lines, paint, &format!("Kept ({})", kept.len()), &kept, width);
    let blockers: Vec<Vec<String>> = report.blockers.iter().map(|blocker| vec![with_flag(blocker)]).collect();
    section(&mut lines, paint, "Needed before it can start", &blockers, None);
    if report.blockers.is_empty() {
        lines.push("\nNo further consent is needed.".to_owned());
    }
    let hash = report.plan_hash.as_deref();
    lines.extend(hash.map(|hash| format!("\nplan hash: {hash}")));
    let exactly = hash.map(|hash| format!(" --plan-hash {hash}")).unwrap_or_default();
    lines.push(match consents(&report.blockers) {
        Some(flags) if flags.is_empty() => format!("next: {start}{exactly}"),
        Some(flags) => format!("next, if you consent: {start}{flags}{exactly}"),
        None => format!(
            "next: remove what stands in the way, then: {}",
            hint::command(&format!("teardown plan {stack}"))
        ),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{consents, text};
    use crate::{
        report::{Report, samples::DELETED, text::fates},
        terminal::screen::Paint,
    };

    #[test]
    fn what_no_consent_answers_has_no_flags() {
        let consents =
            |blockers: &[&str]| consents(&blockers.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(consents(&[]).as_deref(), Some(""));
        assert_eq!(consents(&["x: consent with deleteData"]).as_deref(), Some(" --delete-data"));
        let protected = "the log group g has deletion protection: consent with overrideLogProtection";
        assert_eq!(consents(&[protected]).as_deref(), Some(" --override-log-protection"));
        assert_eq!(consents(&["x: consent with deleteData", "the export e is in use"]), None);
    }

    #[test]
    fn a_plan_says_what_goes_what_stays_and_what_is_needed() {
        let json = DELETED
            .replace("\"fate\":\"absent\"", "\"fate\":\"delete\"")
            .replace("\"fate\":\"kept\"", "\"fate\":\"keep\"")
            .replace(
                "\"unproven\":[]",
                r#""unproven":[],"blockers":["the table is protected: consent with deleteData"]"#,
            );
        let report = Report::parse(&json).expect("a report");
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
