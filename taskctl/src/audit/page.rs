//! The report as one HTML page.

use std::fmt::Write;

use serde_json::Value;

use crate::{
    audit::{
        record::Record,
        summary::{self, KINDS, Summary},
        text,
        verdict::{Judgement, SHOWN},
    },
    cli::audit_args::RangeArgs,
    html::{self, escaped, table},
    terminal::clock::{self, Millis},
};

/// The most bars of the timeline.
const BARS: Millis = 60;

/// Where the records come from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub group: &'a str,
    pub place: &'a str,
    pub range: RangeArgs,
    /// The conditions that records had to meet, in words; empty if all were taken.
    pub conditions: &'a str,
    pub made: Millis,
    pub copies: u64,
}

/// Returns the page.
pub fn page(origin: &Origin<'_>, summary: &Summary, seal: &Result<Judgement, String>) -> String {
    let parts = [
        head(origin),
        figures(origin, summary),
        timeline(summary),
        actions(summary),
        actors(summary),
        findings(summary),
        sealed(seal),
        records(summary),
        checked(origin, seal.is_ok()),
    ];
    html::document(&format!("Audit report of {}", origin.group), &parts)
}

fn head(origin: &Origin<'_>) -> String {
    let bound = |at: Option<Millis>, open: &str| at.map_or(open.to_owned(), clock::date_time);
    let conditions = match origin.conditions {
        "" => "every record".to_owned(),
        conditions => format!("records with {}", escaped(conditions)),
    };
    format!(
        "<h1>Audit report</h1>\n<p><code>{}</code> at {}</p>\n<p class=\"soft\">From {} to {}, {conditions}. Made at {}. All times \
         are UTC.</p>\n",
        escaped(origin.group),
        escaped(origin.place),
        bound(origin.range.since, "the log's beginning"),
        bound(origin.range.until, "now"),
        clock::date_time(origin.made),
    )
}

fn figures(origin: &Origin<'_>, summary: &Summary) -> String {
    let out_of_band: u64 = summary.hours.values().map(|counts| counts[3]).sum();
    let figures = [
        ("records", summary.records, false),
        ("actors", summary.actors.len() as u64, false),
        ("out of band", out_of_band, out_of_band > 0),
        ("findings", summary.findings, summary.findings > 0),
        ("copies left out", origin.copies, false),
    ];
    let figure = |(name, number, bad): (&str, u64, bool)| {
        format!("<li{}><b>{number}</b>{name}</li>\n", if bad { " class=\"bad\"" } else { "" })
    };
    format!("<ul class=\"figures\">\n{}</ul>\n", figures.map(figure).concat())
}

fn timeline(summary: &Summary) -> String {
    let (step, steps) = summary.timeline(BARS);
    let Some(((first, _), (last, _))) = steps.first().zip(steps.last()) else {
        return "<h2>Timeline</h2>\n<p>There is nothing in this range.</p>\n".into();
    };
    let highest = steps.iter().map(|(_, counts)| counts.iter().sum::<u64>()).max().unwrap_or(1).max(1);
    let bars: String =
        steps.iter().enumerate().map(|(at, (start, counts))| bar(at, *start, counts, highest)).collect();
    let kind = |(at, name): (usize, &&str)| format!("<li><i class=\"k{at}\">■</i> {name}</li>");
    format!(
        "<h2>Timeline</h2>\n<svg viewBox=\"0 0 {} 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Records per {}, at \
         most {highest}\">{bars}</svg>\n<div class=\"axis soft\"><span>{}</span><span>one bar is {}, at most {highest} \
         records</span><span>{}</span></div>\n<ul class=\"legend\">{}</ul>\n{}",
        steps.len() * 10,
        span(step),
        clock::date_time(*first),
        span(step),
        clock::date_time(last + step),
        KINDS.iter().enumerate().map(kind).collect::<String>(),
        match summary.timeless {
            0 => String::new(),
            number => format!("<p class=\"soft\">{number} records have no time that could be shown.</p>\n"),
        },
    )
}

fn span(step: Millis) -> String {
    match step / 3_600_000 {
        1 => "an hour".into(),
        hours if hours % 24 == 0 && hours > 24 => format!("{} days", hours / 24),
        hours => format!("{hours} hours"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a bar's height")]
fn bar(at: usize, start: Millis, counts: &[u64; KINDS.len()], highest: u64) -> String {
    let (mut bar, mut top) = (String::new(), 100.0);
    let told: Vec<String> = KINDS
        .iter()
        .zip(counts)
        .filter(|(_, count)| **count > 0)
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    for (kind, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = *count as f64 / highest as f64 * 100.0;
        top -= height;
        write!(
            bar,
            "<rect class=\"k{kind}\" x=\"{}\" y=\"{top:.2}\" width=\"8\" height=\"{height:.2}\"/>",
            at * 10 + 1
        )
        .ok();
    }
    format!("<g><title>{}: {}</title>{bar}</g>", clock::date_time(start), told.join(", "))
}

fn actions(summary: &Summary) -> String {
    let rows = summary.by_action.iter().map(|(action, number)| vec![escaped(action), number.to_string()]);
    table("Actions", &["action", "#records"], rows)
}

fn actors(summary: &Summary) -> String {
    let mut actors: Vec<_> = summary.actors.iter().collect();
    actors.sort_by_key(|(_, actor)| std::cmp::Reverse(actor.records));
    let rows = actors.into_iter().map(|(id, actor)| {
        let mut addresses: Vec<String> = actor.addresses.iter().map(|address| escaped(address)).collect();
        addresses.extend(actor.more_addresses.then(|| "and more".to_owned()));
        vec![
            escaped(id),
            escaped(&actor.auth),
            actor.records.to_string(),
            escaped(&actor.first),
            escaped(&actor.last),
            addresses.join(", "),
        ]
    });
    let table = table("Actors", &["actor", "known by", "#records", "@first", "@last", "from"], rows);
    match summary.by_others {
        0 => table,
        number => format!("{table}<p class=\"soft\">{number} records are of further actors.</p>\n"),
    }
}

fn findings(summary: &Summary) -> String {
    if summary.findings == 0 {
        return "<h2>Findings</h2>\n<p>None: every line that was read is a record, and no two records have one eventId and differ.</p>\n".into();
    }
    let found: Vec<String> =
        summary.found.iter().map(|what| format!("<li>{}</li>\n", escaped(what))).collect();
    let found = found.concat();
    let rest = summary.findings - summary.found.len() as u64;
    let more = if rest > 0 { format!("<p>And {rest} more.</p>\n") } else { String::new() };
    format!("<h2>Findings</h2>\n<ul class=\"findings\">\n{found}</ul>\n{more}")
}

/// Returns the seal's verdict on the range, with its reasons.
fn sealed(seal: &Result<Judgement, String>) -> String {
    let judgement = match seal {
        Ok(judgement) => judgement,
        Err(why) => return format!("<h2>Seal</h2>\n<p>Not checked: {}.</p>\n", escaped(why)),
    };
    let list = |title: &str, items: Vec<String>| {
        let items: Vec<String> = items.iter().map(|item| format!("<li>{}</li>\n", escaped(item))).collect();
        if items.is_empty() {
            items.concat()
        } else {
            format!("<p>{title}:</p>\n<ul>\n{}</ul>\n", items.concat())
        }
    };
    let more = judgement.report.findings.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("and {more} more: taskctl audit verify --json has all"));
    format!(
        "<h2>Seal</h2>\n<p><b>{}</b>: {}.</p>\n{}{}{}",
        judgement.report.verdict(),
        escaped(&judgement.headline()),
        list("Found", judgement.findings().take(SHOWN).chain(more).collect()),
        list("Checked", judgement.checked()),
        list("Not checked", judgement.unchecked()),
    )
}

fn records(summary: &Summary) -> String {
    let title = if summary.records > summary.newest.len() as u64 {
        format!("The newest {} of {} records", summary::RECORDS, summary.records)
    } else {
        "Records".to_owned()
    };
    table(
        &title,
        &["@when", "action", "who", "from", "task", "changes"],
        summary.newest.iter().rev().map(row),
    )
}

fn row(record: &Record) -> Vec<String> {
    let text = |path: &str| record.text(path).map(escaped).unwrap_or_default();
    let change = |(field, old, new): (&str, &Value, &Value)| escaped(&text::change(field, old, new));
    let agent = record
        .text("/request/userAgent")
        .map(|agent| format!("<br><span class=\"soft\">{}</span>", escaped(agent)));
    vec![
        escaped(record.changed()),
        escaped(&text::action(record)),
        escaped(record.actor()),
        format!("{}{}", text("/request/sourceIp"), agent.unwrap_or_default()),
        format!("<code>{}</code><br><span class=\"soft\">{}</span>", text("/task/id"), text("/task/owner")),
        record.changes().map(change).collect::<Vec<_>>().join("<br>"),
    ]
}

fn checked(origin: &Origin<'_>, is_sealed: bool) -> String {
    let filtered = if origin.conditions.is_empty() {
        ""
    } else {
        "<li>Lines that are no records, as far as CloudWatch Logs left them out by the conditions of this report.</li>\n"
    };
    let unsealed = if is_sealed {
        ""
    } else {
        "<li>That no record is missing, edited or forged: the chain of a task is checked by <code>taskctl audit task ID</code>.</li>\n"
    };
    format!(
        "<h2>What was checked, and what was not</h2>\n<p>Checked:</p>\n<ul>\n<li>Every line that was read is a record of a known \
         format.</li>\n<li>Two records with one eventId say the same, within 36 hours and 200,000 records of the log; the second one is \
         left out as a copy.</li>\n</ul>\n<p>Not checked:</p>\n<ul>\n{unsealed}<li>Quarantine and failure bucket, which hold changes that did not reach \
         the log: <code>taskctl audit replay</code> lists them.</li>\n<li>Reads, and requests that were refused: they are in the access \
         log alone.</li>\n{filtered}</ul>\n"
    )
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use seal::verify::{Finding, Report, Unchecked};
    use serde_json::json;

    use super::{Origin, page};
    use crate::{
        audit::{record::samples::record, records::Item, summary::Summary, verdict::Judgement},
        cli::audit_args::RangeArgs,
    };

    fn origin() -> Origin<'static> {
        let range = RangeArgs { since: Some(1_795_446_000_000), until: None };
        Origin {
            group: "/tasks/dev/audit",
            place: "the local AWS",
            range,
            conditions: "",
            made: 1_795_449_600_000,
            copies: 2,
        }
    }

    fn summary() -> Summary {
        let mut summary = Summary::default();
        let hostile = json!("<script>alert(1)</script> \"'& \u{202e}\u{1b}[2J");
        let at = |hour: u64| ("/time/changed", json!(format!("2026-11-23T{hour:02}:41:01.376Z")));
        for (number, action, more) in [
            (1, "task.created", vec![at(9)]),
            (2, "task.updated", vec![at(9), ("/actor/id", hostile.clone())]),
            (
                3,
                "task.modified_out_of_band",
                vec![at(11), ("/actor", json!({"id": "unknown"})), ("/request", json!(null))],
            ),
            (
                4,
                "task.deleted",
                vec![at(15), ("/request/userAgent", hostile.clone()), ("/task/owner", hostile.clone())],
            ),
            (
                5,
                "task.purged",
                vec![at(15), ("/changes/0/new", hostile.clone()), ("/changes/0/field", hostile.clone())],
            ),
            (
                6,
                "<b>invented</b>",
                vec![at(16), ("/task/id", hostile.clone()), ("/actor/auth", hostile.clone())],
            ),
        ] {
            summary.take(Item::Record(record(number, action, &more)));
        }
        summary.take(Item::Finding(
            "the line of 2026-11-23T15:41:01.000Z is no JSON: <img src=x onerror=alert(1)>".into(),
        ));
        summary
    }

    fn seal() -> Judgement {
        let mut report = Report { records: 6, sealed: 5, tasks: 5, checkpoints: 2, ..Report::default() };
        report.found(Finding::RecordForged { line: 2, event_id: "<img src=x>".into() });
        report.unchecked(Unchecked::NotYetSealed { records: 1, last: seal::Minute::of_unix_millis(0) });
        Judgement {
            report,
            lines: 9,
            of: "/tasks/dev/audit".into(),
            task: None,
            keys: vec!["c74f20a3".into()],
        }
    }

    /// `REFRESH=1 cargo test -p taskctl page` writes the file.
    #[test]
    fn a_report_is_shown_as_it_was() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/audit/shown/report.html");
        let shown = page(&origin(), &summary(), &Ok(seal()));
        if env::var_os("REFRESH").is_some() {
            fs::write(&path, &shown).unwrap();
        }
        assert!(
            shown == fs::read_to_string(&path).unwrap_or_default(),
            "REFRESH=1 cargo test -p taskctl page"
        );
    }

    #[test]
    fn nothing_in_it_is_markup_that_was_not_written_here() {
        let shown = page(&origin(), &summary(), &Ok(seal()));
        for tag in [
            "<script",
            "<img",
            "<b>invented",
            "<a ",
            "<link",
            "<iframe",
            "url(",
            "@import",
            "http://",
            "https://",
        ] {
            assert!(!shown.contains(tag), "{tag}");
        }
        assert!(
            shown.contains("&lt;script&gt;alert(1)&lt;/script&gt; &quot;&#39;&amp; \\u{202e}\\u{1b}[2J"),
            "{shown}"
        );
        assert!(shown.contains("default-src 'none'"));
    }

    #[test]
    fn an_empty_range_is_a_page_too() {
        let shown = page(
            &Origin { conditions: "action task.deleted", ..origin() },
            &Summary::default(),
            &Err("no <stack>".into()),
        );
        assert!(
            shown.contains("There is nothing in this range.") && shown.contains("Findings</h2>\n<p>None"),
            "{shown}"
        );
        assert!(shown.contains("records with action task.deleted"), "{shown}");
        assert!(shown.contains("Seal</h2>\n<p>Not checked: no &lt;stack&gt;."), "{shown}");
        assert!(shown.contains("That no record is missing"), "{shown}");
    }
}
