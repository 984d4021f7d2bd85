//! The report for people.

use std::fmt::Display;

use contract::{Consent, Entry, Found, FoundFate, Inventory, Noted, PlannedFate, Report};

use crate::{
    cli::hint,
    report::Written,
    terminal::{
        clock,
        layout::{count, one_line, table, wrapped},
        screen::{Colour, Paint},
    },
};

/// The width of a fact's name with its indent.
const NAMED: usize = 13;

/// Returns the report for people.
pub fn report(written: &Written, paint: Paint, width: Option<usize>) -> String {
    let report = &written.report;
    let mut lines = vec![heading(report, paint)];
    let mut fact = |name: &str, value: &str| lines.extend(fact(name, value, width));
    fact("reason", &report.reason.as_deref().map(with_flags).unwrap_or_default());
    fact("restored", report.restored.as_ref().map_or("", |restored| &restored.what));
    fact("stack", &report.stack_id);
    fact("execution", &report.execution);
    fact("time", &time(report).unwrap_or_default());
    if written.whole {
        fact("inventory", &inventory(report));
    } else {
        fact("inventory", "of another version of the workflow: taskctl teardown report --json shows it");
    }
    section(&mut lines, paint, "Still there", &still_there(&report.inventory), width);
    section(&mut lines, paint, "Unproven", &rows(&report.unproven), width);
    section(&mut lines, paint, "Destroyed with consent", &rows(&report.emptied), width);
    section(&mut lines, paint, "Kept on purpose", &rows(&report.kept), width);
    if report.left_out > 0 {
        lines.push(format!("\nand {} more, which the report in the log has", report.left_out));
    }
    if !report.next.is_empty() {
        lines.push(String::new());
        lines.extend(wrapped(&format!("next: {}", here(&report.next)), width.unwrap_or(usize::MAX)));
    }
    lines.join("\n")
}

/// Returns a named value in lines that are no wider than the terminal; nothing where it is empty.
pub fn fact(name: &str, value: &str, width: Option<usize>) -> Vec<String> {
    let (value, room) = (one_line(value), width.map_or(usize::MAX, |width| width.saturating_sub(NAMED)));
    let parts = if value.is_empty() { Vec::new() } else { wrapped(&value, room) };
    let line = |(at, part): (usize, String)| format!("  {:<11}{part}", if at == 0 { name } else { "" });
    parts.into_iter().enumerate().map(line).collect()
}

fn heading(report: &Report, paint: Paint) -> String {
    let colour = if report.outcome.is_green() { Colour::Green } else { Colour::Red };
    let stack = if report.stack.is_empty() { "teardown" } else { &report.stack };
    let outcome = report.outcome.name().replace('-', " ");
    format!("{}: {}", paint.text(Colour::Bold, stack), paint.text(colour, &outcome))
}

fn time(report: &Report) -> Option<String> {
    let (start, end) = (report.started_at.as_deref()?, report.finished_at.as_str());
    let lasted = clock::parse_date_time(start).zip(clock::parse_date_time(end));
    let lasted =
        lasted.map(|(start, end)| format!(" ({})", clock::duration(end - start))).unwrap_or_default();
    Some(format!("{start} to {end}{lasted}"))
}

/// Returns a count of each fate, also where a brief report has nothing but the counts.
fn inventory(report: &Report) -> String {
    if !report.inventory.is_empty() {
        return fates(&report.inventory);
    }
    let parts: Vec<String> = report.counts.iter().map(|(fate, count)| format!("{count} {fate}")).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("{}: {}", count(report.counts.values().sum(), "entry"), parts.join(", "))
    }
}

/// Returns a count of each fate: `66 entries: 60 absent, 6 kept`.
pub fn fates(inventory: &Inventory) -> String {
    match inventory {
        Inventory::Planned(entries) => counted(entries, PlannedFate::ALL),
        Inventory::Found(entries) => counted(entries, FoundFate::ALL),
    }
}

fn counted<Fate: PartialEq + Display>(entries: &[Entry<Fate>], fates: &[Fate]) -> String {
    let with = |fate: &Fate| entries.iter().filter(|entry| entry.fate == *fate).count();
    let counts = fates.iter().map(|fate| (with(fate), fate)).filter(|(count, _)| *count > 0);
    let parts: Vec<String> = counts.map(|(count, fate)| format!("{count} {fate}")).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("{}: {}", count(entries.len(), "entry"), parts.join(", "))
    }
}

fn still_there(inventory: &Inventory) -> Vec<Vec<String>> {
    let row = |entry: &Found| {
        vec![entry.kind.clone(), entry.logical_id.clone(), entry.physical_id.clone(), one_line(&entry.why)]
    };
    match inventory {
        Inventory::Planned(_) => Vec::new(),
        Inventory::Found(entries) => {
            entries.iter().filter(|entry| entry.fate == FoundFate::Present).map(row).collect()
        }
    }
}

fn rows(noted: &[Noted]) -> Vec<Vec<String>> {
    noted.iter().map(|noted| vec![noted.what.clone(), one_line(&noted.why)]).collect()
}

/// Adds a titled table, unless it would be empty.
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

/// Shows a command of the workflow, which does not know from where it is asked, with this call's "where".
pub fn here(next: &str) -> String {
    one_line(next).replace("taskctl ", &hint::command(""))
}

/// Shows a sentence of the workflow, which calls a consent by its field, with the flag that people give it with.
pub fn with_flags(text: &str) -> String {
    let text = one_line(text).replace("(abandon: ", "(--abandon ");
    Consent::ALL.iter().fold(text, |text, consent| text.replace(consent.name(), consent.flag()))
}

#[cfg(test)]
mod tests {
    use super::report;
    use crate::{
        report::{Written, samples::DELETED},
        terminal::screen::Paint,
    };

    #[test]
    fn a_report_is_told() {
        let deleted = Written::parse(DELETED).expect("a report");
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
        let told = report(&Written::parse(&json).expect("a report"), Paint::NONE, None);
        let order: Vec<usize> =
            ["tasks-dev: unproven", "Still there", "Unproven\n  bucket  AccessDenied", "Kept", "next: do x"]
                .iter()
                .map(|part| told.find(part).unwrap_or_else(|| panic!("{part} in {told}")))
                .collect();
        assert!(order.is_sorted(), "{told}");
    }

    #[test]
    fn a_report_that_is_not_understood_whole_says_so() {
        let other = Written::parse(&DELETED.replace("\"absent\"", "\"new-fate\"")).expect("a report");
        let told = report(&other, Paint::NONE, None);
        assert!(told.starts_with("tasks-dev: deleted\n"), "{told}");
        assert!(told.contains("inventory  of another version of the workflow"), "{told}");
    }
}
