//! The plan for people.

use contract::{Noted, Planned, PlannedFate, Report, Request, limits::SYSTEM_BACKUP_DAYS};

use crate::{
    cli::hint,
    report::{
        summary::{self, Table, holds_data, planned},
        text::{section, with_flags},
    },
    terminal::{
        layout::{laid_out, one_line, wrapped},
        screen::{Colour, Paint},
    },
};

/// The mark of what holds data, in the place of a row's indent.
const DATA_MARK: &str = "■ ";

/// A plan with what it was made for, and what was looked up for whoever decides.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    pub report: &'a Report,
    pub request: &'a Request,
    pub tables: &'a [Table],
}

impl Plan<'_> {
    /// Returns the plan for people: a summary, what goes, what stays and why, what has to be consented to, and the next command.
    pub fn text(&self, start: &str, paint: Paint, width: Option<usize>) -> String {
        let report = self.report;
        let stack = paint.text(Colour::Bold, &report.stack);
        let mut lines = vec![format!("The teardown of {stack} would do this. Nothing has been changed.")];
        self.body(&mut lines, paint, width);
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

    /// Returns what a person reads before the question: the plan, and in one sentence what a yes does.
    pub fn question(&self, place: &str, paint: Paint, width: Option<usize>) -> String {
        let stack = paint.text(Colour::Bold, &self.report.stack);
        let mut lines = vec![format!("The teardown of {stack} does this:")];
        self.body(&mut lines, paint, width);
        let width = width.unwrap_or(usize::MAX);
        lines.push(String::new());
        lines.extend(wrapped(&warning(self.request), width));
        lines.extend(wrapped(&format!("  where: {place}"), width));
        lines.join("\n")
    }

    fn body(&self, lines: &mut Vec<String>, paint: Paint, width: Option<usize>) {
        lines.push(String::new());
        lines.extend(summary::lines(self.report, self.request, self.tables, width));
        goes(lines, self.report, paint, width);
        let kept = staying(self.report);
        section(lines, paint, &format!("Kept ({})", kept.len()), &kept, width);
        let earlier = looked_for(self.report);
        section(lines, paint, &format!("Looked for afterwards ({})", earlier.len()), &earlier, width);
        let blockers: Vec<Vec<String>> =
            self.report.blockers.iter().map(|blocker| vec![with_flags(blocker)]).collect();
        section(lines, paint, "Needed before it can start", &blockers, width);
    }
}

/// Says what is deleted and what is kept.
pub fn warning(request: &Request) -> String {
    let log = if request.keep_audit_log { "The audit log is kept" } else { "The audit log is DELETED" };
    let backups = match (request.backup, request.system_backup) {
        (true, _) => "a backup of the table is kept".to_owned(),
        (false, true) => {
            format!("of the table, only DynamoDB's own backup is kept, for {SYSTEM_BACKUP_DAYS} days")
        }
        (false, false) => "NO backup of the table is kept".to_owned(),
    };
    format!("This deletes the stack {} with everything in it. {log}; {backups}.", request.stack)
}

/// Returns the flags that answer all blockers; `None` when consent alone does not do.
fn consents(report: &Report) -> Option<String> {
    if report.blockers.is_empty() {
        return Some(String::new());
    }
    let consents = report.consents.as_ref()?;
    Some(consents.iter().flat_map(|consent| [" ", consent.flag()]).collect())
}

/// Adds what goes, things with data first and marked, also for whoever sees no bold type.
fn goes(lines: &mut Vec<String>, report: &Report, paint: Paint, width: Option<usize>) {
    let mut entries = planned(report, PlannedFate::Delete);
    entries.sort_by_key(|entry| (!holds_data(&entry.kind), &entry.kind, &entry.logical_id));
    if entries.is_empty() {
        return;
    }
    let title = paint.text(Colour::Bold, &format!("Removed ({})", entries.len()));
    let legend = if entries.iter().any(|entry| holds_data(&entry.kind)) { ", ■ holds data" } else { "" };
    lines.push(format!("\n{title}{legend}"));
    for (entry, row) in entries.iter().zip(laid_out(&doomed(&entries), "  ", width)) {
        let marked = |(at, line): (usize, String)| match at {
            _ if !holds_data(&entry.kind) => line,
            0 => paint.text(Colour::Bold, &format!("{DATA_MARK}{}", line.trim_start())),
            _ => paint.text(Colour::Bold, &line),
        };
        lines.extend(row.into_iter().enumerate().map(marked));
    }
}

/// Returns type, name in the template and name in AWS; and why, where the reasons differ.
fn doomed(entries: &[&Planned]) -> Vec<Vec<String>> {
    let differ = entries.windows(2).any(|pair| pair[0].why != pair[1].why);
    let row = |entry: &&Planned| {
        let mut row = vec![entry.kind.clone(), entry.logical_id.clone(), entry.physical_id.clone()];
        row.extend(differ.then(|| one_line(&entry.why)));
        row
    };
    entries.iter().map(row).collect()
}

/// Returns what is not in the stack any more: type, name and why.
fn looked_for(report: &Report) -> Vec<Vec<String>> {
    let row = |entry: &&Planned| vec![entry.kind.clone(), entry.physical_id.clone(), one_line(&entry.why)];
    planned(report, PlannedFate::Earlier).iter().map(row).collect()
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
    use contract::{Consent, Entry, Inventory, Noted, Outcome, PlannedFate, Report, Request};

    use super::{Plan, warning};
    use crate::{
        report::{Written, samples::DELETED, text::fates},
        terminal::screen::Paint,
    };

    fn planned(report: Report) -> String {
        let report = Report { stack: "tasks-dev".into(), outcome: Outcome::Planned, ..report };
        text(&report)
    }

    fn text(report: &Report) -> String {
        let request = Request::plan(report.stack.clone());
        let plan = Plan { report, request: &request, tables: &[] };
        plan.text("taskctl teardown start tasks-dev", Paint::NONE, None)
    }

    #[test]
    fn a_person_is_told_what_stays_before_anything_goes() {
        let plan = Request::plan("tasks-dev".into());
        assert_eq!(
            warning(&plan),
            "This deletes the stack tasks-dev with everything in it. The audit log is kept; a backup of the table is kept."
        );
        let less = Request { backup: false, keep_audit_log: false, ..plan };
        assert!(warning(&less).ends_with(
            "The audit log is DELETED; of the table, only DynamoDB's own backup is kept, for 35 days."
        ));
        assert!(
            warning(&Request { system_backup: false, ..less }).ends_with("NO backup of the table is kept.")
        );
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
            part_of: None,
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
        let expected = "
Removed (1), ■ holds data
■ AWS::DynamoDB::Table  Table  t

Kept (1)
  AWS::Logs::LogGroup  /tasks/dev/audit  asked for

Needed before it can start
  the table is protected: consent with --delete-data

plan hash: p
next, if you consent: taskctl teardown start tasks-dev --delete-data --plan-hash p";
        let shown = text(&report);
        assert!(shown.ends_with(expected), "{shown}");
        assert!(shown.contains("\n  goes       1 thing; with data: 1 table"), "{shown}");
    }
}
