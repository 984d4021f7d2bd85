//! The report for people.

use crate::{
    cli::{failure::Exit, hint},
    report::{Entry, Noted, Report},
    terminal::{
        clock,
        layout::{count, one_line, table},
        screen::{Colour, Paint},
    },
};

/// Returns the report for people.
pub fn report(report: &Report, paint: Paint, width: Option<usize>) -> String {
    let mut lines = vec![heading(report, paint)];
    let mut fact = |name: &str, value: Option<&str>| {
        lines.extend(
            value.filter(|value| !value.is_empty()).map(|value| format!("  {name:<11}{}", one_line(value))),
        );
    };
    fact("reason", report.reason.as_deref().map(with_flag).as_deref());
    fact("stack", report.stack_id.as_deref());
    fact("execution", report.execution.as_deref());
    fact("time", time(report).as_deref());
    fact("inventory", Some(fates(&report.inventory)).as_deref());
    let left = |fate: &str| {
        report.inventory.iter().filter(|entry| entry.fate == fate).map(Entry::row).collect::<Vec<_>>()
    };
    section(&mut lines, paint, "Still there", &left("present"), width);
    section(&mut lines, paint, "Unproven", &rows(&report.unproven), width);
    section(&mut lines, paint, "Kept on purpose", &rows(&report.kept), width);
    lines.extend(
        report.next.as_ref().filter(|next| !next.is_empty()).map(|next| format!("\nnext: {}", here(next))),
    );
    lines.join("\n")
}

fn heading(report: &Report, paint: Paint) -> String {
    let colour = match report.outcome.exit() {
        Exit::Success => Colour::Green,
        _ => Colour::Red,
    };
    let stack = report.stack.as_deref().unwrap_or("teardown");
    format!("{}: {}", paint.text(Colour::Bold, stack), paint.text(colour, report.outcome.words()))
}

fn time(report: &Report) -> Option<String> {
    let (start, end) = (report.started_at.as_deref()?, report.finished_at.as_deref()?);
    let lasted = clock::parse_date_time(start).zip(clock::parse_date_time(end));
    let lasted =
        lasted.map(|(start, end)| format!(" ({})", clock::duration(end - start))).unwrap_or_default();
    Some(format!("{start} to {end}{lasted}"))
}

/// `66 entries: 60 absent, 6 kept`
pub fn fates(inventory: &[Entry]) -> String {
    let fates = ["delete", "keep", "absent", "kept", "present", "unproven"]
        .map(|fate| (fate, inventory.iter().filter(|entry| entry.fate == fate).count()));
    let parts: Vec<String> =
        fates.iter().filter(|(_, count)| *count > 0).map(|(fate, count)| format!("{count} {fate}")).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("{}: {}", count(inventory.len(), "entry"), parts.join(", "))
    }
}

impl Entry {
    fn row(&self) -> Vec<String> {
        let name = if self.logical_id.is_empty() { &self.physical_id } else { &self.logical_id };
        vec![self.kind.clone(), name.clone(), one_line(&self.why)]
    }
}

fn rows(noted: &[Noted]) -> Vec<Vec<String>> {
    noted.iter().map(|noted| vec![noted.what.clone(), one_line(&noted.why)]).collect()
}

/// A titled table, or nothing.
pub fn section(
    lines: &mut Vec<String>,
    paint: Paint,
    title: &str,
    rows: &[Vec<String>],
    width: Option<usize>,
) {
    if !rows.is_empty() {
        lines.push(format!("\n{}", paint.text(Colour::Bold, title)));
        lines.push(table(rows, "  ", width));
    }
}

/// The workflow does not know from where it is asked: its commands get this call's "where".
fn here(next: &str) -> String {
    one_line(next).replace("taskctl ", &hint::command(""))
}

pub const FLAGS: [(&str, &str); 4] = [
    ("overrideTerminationProtection", "--override-termination-protection"),
    ("overrideLogProtection", "--override-log-protection"),
    ("deleteData", "--delete-data"),
    ("emptyBuckets", "--empty-buckets"),
];

/// The workflow names a consent as its input does; people give it as a flag.
pub fn with_flag(text: &str) -> String {
    FLAGS.iter().fold(one_line(text), |text, (field, flag)| text.replace(field, flag))
}

#[cfg(test)]
mod tests {
    use super::report;
    use crate::{
        report::{Report, samples::DELETED},
        terminal::screen::Paint,
    };

    #[test]
    fn a_report_is_told() {
        let deleted = Report::parse(DELETED).expect("a report");
        let expected = "\
tasks-dev: deleted
  stack      arn:S
  execution  arn:E
  time       2026-11-23T15:43:20.5Z to 2026-11-23T15:45:25Z (2 min 4 s)
  inventory  2 entries: 1 absent, 1 kept

Kept on purpose
  /tasks/dev/audit  the audit log";
        assert_eq!(report(&deleted, Paint::NONE, None), expected);
    }

    #[test]
    fn what_is_left_stands_before_what_is_kept() {
        let json = DELETED
            .replace("\"fate\":\"absent\"", "\"fate\":\"present\"")
            .replace("\"deleted\"", "\"unproven\"");
        let json = json.replace(
            "\"unproven\":[]",
            r#""unproven":[{"what":"bucket","why":"AccessDenied"}],"next":"do x""#,
        );
        let told = report(&Report::parse(&json).expect("a report"), Paint::NONE, None);
        let order: Vec<usize> =
            ["tasks-dev: unproven", "Still there", "Unproven\n  bucket  AccessDenied", "Kept", "next: do x"]
                .iter()
                .map(|part| told.find(part).unwrap_or_else(|| panic!("{part} in {told}")))
                .collect();
        assert!(order.is_sorted(), "{told}");
    }
}
