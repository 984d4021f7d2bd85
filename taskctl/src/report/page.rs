//! The report as one HTML page.

use std::fmt::Write;

use contract::{FoundFate, Inventory, Noted, Outcome, PlannedFate, Visited, limits::SYSTEM_BACKUP_DAYS};

use crate::{
    cli::hint,
    html::{self, escaped, table},
    report::{
        Written,
        summary::holds_data,
        text::{fates, here, with_flags},
    },
    terminal::clock::{self, Millis},
};

/// The height of a step's bar with its gap, and the width of all of them.
const ROW: usize = 22;
const WIDE: usize = 1000;

/// An entry of the inventory, whatever kind of fate it has.
struct Thing<'a> {
    fate: &'static str,
    kind: &'a str,
    logical_id: &'a str,
    physical_id: &'a str,
    why: &'a str,
}

/// Returns the page.
pub fn page(written: &Written, place: &str, made: Millis) -> String {
    let parts = [
        head(written, place, made),
        figures(written),
        restored(written),
        stands_in_the_way(written),
        unproven(written),
        emptied(written),
        timeline(written),
        inventory(written),
        stays(written),
        proof(written),
    ];
    html::document(&format!("Teardown of {}", written.report.stack), &parts)
}

fn head(written: &Written, place: &str, made: Millis) -> String {
    let report = &written.report;
    let fact = |name: &str, value: &str| match value {
        "" => String::new(),
        value => format!("<p>{name}: {}</p>\n", escaped(value)),
    };
    let outcome = report.outcome.name().replace('-', " ");
    let class = if report.outcome.is_green() { "good" } else { "bad" };
    let reason = report.reason.as_deref().map(with_flags).unwrap_or_default();
    let until = format!("{} to {}", report.started_at.as_deref().unwrap_or("?"), report.finished_at);
    format!(
        "<h1>Teardown of {}: <span class=\"{class}\">{outcome}</span></h1>\n{}{}<p class=\"soft\"><code>{}</code><br><code>{}</code></p>\n\
         <p class=\"soft\">{} at {}. Made at {}. All times are UTC.</p>\n",
        escaped(&report.stack),
        fact("Reason", &reason),
        fact("Next", &here(&report.next)),
        escaped(&report.stack_id),
        escaped(&report.execution),
        escaped(&until),
        escaped(place),
        clock::date_time(made),
    )
}

fn things(written: &Written) -> Vec<Thing<'_>> {
    match &written.report.inventory {
        Inventory::Planned(entries) => entries
            .iter()
            .map(|entry| Thing {
                fate: entry.fate.name(),
                kind: &entry.kind,
                logical_id: &entry.logical_id,
                physical_id: &entry.physical_id,
                why: &entry.why,
            })
            .collect(),
        Inventory::Found(entries) => entries
            .iter()
            .map(|entry| Thing {
                fate: entry.fate.name(),
                kind: &entry.kind,
                logical_id: &entry.logical_id,
                physical_id: &entry.physical_id,
                why: &entry.why,
            })
            .collect(),
    }
}

/// The fates in the order in which they matter, each with what it says.
const FATES: [(&str, &str); 6] = [
    (FoundFate::Present.name(), "still there"),
    (FoundFate::Unproven.name(), "not shown to be gone"),
    (FoundFate::Absent.name(), "shown absent by its own service"),
    (FoundFate::Kept.name(), "kept on purpose"),
    (PlannedFate::Delete.name(), "planned to be deleted"),
    (PlannedFate::Keep.name(), "planned to be kept"),
];

fn figures(written: &Written) -> String {
    let things = things(written);
    let figure = |(fate, says): (&str, &str)| {
        let number = things.iter().filter(|thing| thing.fate == fate).count();
        let bad = number > 0 && [FoundFate::Present.name(), FoundFate::Unproven.name()].contains(&fate);
        let class = if bad { " class=\"bad\"" } else { "" };
        if number == 0 { String::new() } else { format!("<li{class}><b>{number}</b>{says}</li>\n") }
    };
    format!("<ul class=\"figures\">\n{}</ul>\n", FATES.map(figure).concat())
}

fn restored(written: &Written) -> String {
    let says = match &written.report.restored {
        Some(restored) => {
            let class = if restored.complete { "" } else { " class=\"bad\"" };
            format!("<p{class}>{}.</p>\n", escaped(&restored.what))
        }
        None if matches!(written.report.outcome, Outcome::Refused | Outcome::Failed) => {
            "<p>The report does not say what was put back.</p>\n".to_owned()
        }
        None => "<p>Nothing was to be put back.</p>\n".to_owned(),
    };
    format!("<h2>Traffic and protections</h2>\n{says}")
}

fn stands_in_the_way(written: &Written) -> String {
    let blockers = &written.report.blockers;
    let item = |blocker: &String| format!("<li>{}</li>\n", escaped(&with_flags(blocker)));
    if blockers.is_empty() {
        return String::new();
    }
    format!(
        "<h2>What stood in the way</h2>\n<ul class=\"findings\">\n{}</ul>\n",
        blockers.iter().map(item).collect::<String>()
    )
}

fn unproven(written: &Written) -> String {
    let unproven = &written.report.unproven;
    if unproven.is_empty() {
        return String::new();
    }
    let row = |noted: &Noted| {
        let consent = noted.consent.map(|consent| format!("<code>{}</code>", consent.flag()));
        vec![escaped(&noted.what), escaped(&noted.why), consent.unwrap_or_default()]
    };
    table("Unproven", &["what", "why", "consent that would help"], unproven.iter().map(row))
}

fn emptied(written: &Written) -> String {
    let emptied = &written.report.emptied;
    if emptied.is_empty() {
        return String::new();
    }
    let row = |noted: &Noted| vec![escaped(&noted.what), escaped(&noted.why)];
    table("Destroyed with consent", &["what", "how much, and the newest"], emptied.iter().map(row))
}

/// Draws each step as a bar from its beginning to that of the next one.
fn timeline(written: &Written) -> String {
    let report = &written.report;
    let at = |visited: &Visited| clock::parse_date_time(&visited.at);
    let begins: Vec<Millis> = report.states.iter().filter_map(at).collect();
    let (Some(first), Some(last)) = (begins.first(), clock::parse_date_time(&report.finished_at)) else {
        return String::new();
    };
    let whole = usize::try_from(last - first).unwrap_or_default().max(1);
    let (mut bars, mut rows) = (String::new(), Vec::new());
    for (number, (visited, begin)) in report.states.iter().zip(&begins).enumerate() {
        let end = begins.get(number + 1).copied().unwrap_or(last);
        let part = |millis: Millis| usize::try_from(millis.max(0)).unwrap_or_default() * WIDE / whole;
        let (x, wide) = (part(begin - first), part(end - begin).max(2));
        let lasted = clock::duration(end - begin);
        let step = escaped(visited.state.name());
        write!(
            bars,
            "<g><title>{step}: {lasted}</title><rect class=\"k1\" x=\"{x}\" y=\"{}\" width=\"{wide}\" height=\"{}\"/></g>",
            number * ROW,
            ROW - 4
        )
        .ok();
        let often = if visited.times > 1 { format!("{} times", visited.times) } else { String::new() };
        rows.push(vec![step, escaped(&visited.at), lasted, often]);
    }
    let height = rows.len() * ROW;
    let steps = table("Steps", &["step", "@began", "#lasted", "#entered"], rows.into_iter());
    format!(
        "<h2>Timeline</h2>\n<svg viewBox=\"0 0 {WIDE} {height}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"The steps, \
         one below the other, from {} to {}\">{bars}</svg>\n<div class=\"axis soft\"><span>{}</span><span>{}</span></div>\n{steps}",
        clock::day_time(*first),
        clock::day_time(last),
        clock::day_time(*first),
        clock::day_time(last),
    )
}

fn inventory(written: &Written) -> String {
    let things = things(written);
    if !written.whole {
        return "<h2>Inventory</h2>\n<p class=\"bad\">It is of another version of the workflow: \
                <code>taskctl teardown report --json</code> shows it.</p>\n"
            .to_owned();
    }
    let of_fate = |(fate, says): (&str, &str)| {
        let rows: Vec<Vec<String>> = things.iter().filter(|thing| thing.fate == fate).map(row).collect();
        let title =
            format!("{}: {}", says.replacen(char::is_lowercase, &says[..1].to_uppercase(), 1), rows.len());
        let columns = ["type", "name in the template", "name in AWS", "why"];
        if rows.is_empty() { String::new() } else { table(&title, &columns, rows.into_iter()) }
    };
    format!("{}<p class=\"soft\">■ holds data.</p>\n", FATES.map(of_fate).concat())
}

fn row(thing: &Thing<'_>) -> Vec<String> {
    let kind = escaped(thing.kind);
    let kind = if holds_data(thing.kind) { format!("<b>■ {kind}</b>") } else { kind };
    vec![
        kind,
        escaped(thing.logical_id),
        format!("<code>{}</code>", escaped(thing.physical_id)),
        escaped(thing.why),
    ]
}

fn stays(written: &Written) -> String {
    let row = |noted: &Noted| {
        let removal = removal(&noted.kind, &noted.id);
        vec![escaped(&noted.what), escaped(&noted.why), removal]
    };
    let kept = &written.report.kept;
    if kept.is_empty() {
        return String::new();
    }
    table("What stays, and how to remove it", &["what", "why", "to remove it"], kept.iter().map(row))
}

/// Returns how a thing that stays is removed, as HTML.
fn removal(kind: &str, id: &str) -> String {
    let id = escaped(id);
    let command = match kind {
        "AWS::Logs::LogGroup" => format!(
            "aws logs put-log-group-deletion-protection --log-group-identifier {id} --no-deletion-protection-enabled</code><br>\
             <code>aws logs delete-log-group --log-group-name {id}"
        ),
        "AWS::KMS::Key" => format!("aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 30"),
        "AWS::S3::Bucket" => format!(
            "aws s3api list-object-versions --bucket {id}</code> and so on, when its objects' retention ends: \
                                      docs/teardown.md<code>"
        ),
        "Asset" => "npx cdk gc".to_owned(),
        Noted::BACKUP => format!("aws dynamodb delete-backup --backup-arn {id}"),
        "SystemBackup" | Noted::SYSTEM_BACKUPS => {
            return format!("by itself, after {SYSTEM_BACKUP_DAYS} days");
        }
        _ => return "by hand: docs/teardown.md".to_owned(),
    };
    format!("<code>{command}</code>").replace("<code></code>", "")
}

fn proof(written: &Written) -> String {
    let report = &written.report;
    let hash = |name: &str, hash: Option<&String>| {
        hash.map(|hash| format!("<li>{name}: <code>{}</code></li>\n", escaped(hash))).unwrap_or_default()
    };
    format!(
        "<h2>What this proves</h2>\n<p>{}.</p>\n<ul>\n<li>Absent means that the service of the thing itself answered that it is not \
         there, after CloudFormation had deleted the stack. A look that was refused is unproven, never absent.</li>\n{}{}</ul>\n\
         <p class=\"soft\">This page was made from the report of schema <code>{}</code>; <code>{}</code> shows it whole.</p>\n",
        escaped(&fates(&report.inventory)),
        hash("inventory, as a hash", report.inventory_hash.as_ref()),
        hash("plan, as a hash", report.plan_hash.as_ref()),
        escaped(&report.schema),
        escaped(&hint::command("teardown report --json")),
    )
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::{page, removal};
    use crate::report::{Written, recorded::read};

    const MADE: i64 = 1_795_826_500_000;

    /// `REFRESH=1 cargo test -p taskctl page` writes the files.
    #[test]
    fn reports_are_shown_as_they_were() {
        for name in ["deleted", "unproven", "failed"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/report/recorded/{name}.html"));
            let shown = page(&read(name), "the local AWS", MADE);
            if env::var_os("REFRESH").is_some() {
                fs::write(&path, &shown).unwrap();
            }
            let written = fs::read_to_string(&path).unwrap_or_default();
            assert!(shown == written, "{name}: REFRESH=1 cargo test -p taskctl page");
        }
    }

    #[test]
    fn nothing_in_it_is_markup_that_was_not_written_here() {
        let hostile = "<script>alert(1)</script>";
        let text = read("unproven").raw.to_string();
        let text = text.replace("tasks-e0", hostile).replace("still there", hostile);
        let shown = page(&Written::parse(&text).expect("a report"), hostile, MADE);
        for tag in ["<script", "<img", "<a ", "<link", "<iframe", "url(", "@import", "http://", "https://"] {
            assert!(!shown.contains(tag), "{tag}");
        }
        assert!(shown.contains("&lt;script&gt;"), "{shown}");
    }

    #[test]
    fn whatever_stays_says_how_it_is_removed() {
        for noted in &read("deleted").report.kept {
            let way = removal(&noted.kind, &noted.id);
            assert!(!way.contains("by hand"), "{noted:?}: {way}");
        }
        assert_eq!(removal("AWS::IAM::Role", "r"), "by hand: docs/teardown.md");
    }
}
