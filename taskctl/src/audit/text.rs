//! Records for people. Every text in them comes from someone else, so all of it passes [`visible`].

use serde_json::Value;

use crate::{
    audit::{chain::Chain, record::Record},
    terminal::{
        layout::{count, shortened},
        screen::{Colour, Paint},
        visible::visible,
    },
};

/// Returns a record on two or three lines: when, what and which task; who and from where; the changes.
pub fn entry(record: &Record, paint: Paint, width: Option<usize>) -> String {
    let task = record.text("/task/id").or_else(|| record.text("/sentinel")).map(visible).unwrap_or_default();
    let head = format!(
        "{}  {}  {task}",
        visible(record.changed()),
        paint.text(colour(record.action()), &visible(&action(record)))
    );
    let mut parts = vec![format!("by {}", who(record))];
    parts.extend(record.text("/task/owner").map(|owner| format!("owner {}", visible(owner))));
    parts.extend(record.text("/request/sourceIp").map(|address| format!("from {}", visible(address))));
    let mut changes: Vec<String> =
        record.changes().map(|(field, old, new)| change(field, old, new)).collect();
    changes.extend(others(record).map(|names| format!("also {names}")));
    let about = [parts.join(", "), changes.join("; ")].into_iter().filter(|part| !part.is_empty());
    let lines = about.map(|part| format!("    {}", cut(&part, width, 4)));
    std::iter::once(head.trim_end().to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Returns the history of a task: a heading with the verdict on its chain, and each record in full.
pub fn history(records: &[Record], paint: Paint, width: Option<usize>) -> String {
    let chain = Chain::of(records);
    let first = records.first();
    let text = |path: &str| first.and_then(|record| record.text(path)).map(visible).unwrap_or_default();
    let verdict = if chain.whole() { Colour::Green } else { Colour::Red };
    let mut lines = vec![format!(
        "{} of {}: {}, {}",
        paint.text(Colour::Bold, &text("/task/id")),
        text("/task/owner"),
        count(records.len(), "record"),
        paint.text(verdict, &chain.verdict()),
    )];
    lines.extend(chain.breaks.iter().map(|broken| format!("  {}", paint.text(Colour::Red, broken))));
    for record in records {
        lines.push(String::new());
        lines.extend(full(record, paint).into_iter().map(|(name, value)| match name {
            "" => value,
            name => format!("  {name:<12}{}", cut(&value, width, 14)),
        }));
    }
    lines.join("\n")
}

/// Returns a record's lines, with their names; the first has none.
fn full(record: &Record, paint: Paint) -> Vec<(&'static str, String)> {
    let version = |path: &str| record.number(path).map_or("–".into(), |version| version.to_string());
    let versions = format!("version {} → {}", version("/task/versionBefore"), version("/task/versionAfter"));
    let action = paint.text(colour(record.action()), &visible(&action(record)));
    let mut lines = vec![("", format!("{}  {action}  {versions}", visible(record.changed())))];
    lines.push(("by", who(record)));
    let text = |path: &str| record.text(path).map(visible);
    lines.extend(text("/actor/credential").map(|credential| ("token", credential)));
    lines.extend(text("/request/sourceIp").map(|address| ("from", address)));
    lines.extend(text("/request/userAgent").map(|agent| ("with", agent)));
    let call = [text("/request/method"), text("/request/route")].into_iter().flatten().collect::<Vec<_>>();
    if !call.is_empty() {
        lines.push(("call", call.join(" ")));
    }
    lines.extend(text("/request/id").map(|id| ("request", id)));
    lines.extend(text("/request/traceId").map(|trace| ("trace", trace)));
    lines.extend(text("/time/firstTried").map(|time| ("first tried", time)));
    lines.extend(
        record
            .changes()
            .enumerate()
            .map(|(at, (field, old, new))| (if at == 0 { "changed" } else { " " }, change(field, old, new))),
    );
    lines.extend(others(record).map(|names| ("also", names)));
    lines.push(("event", visible(record.event_id())));
    lines
}

/// Returns the names of the other attributes that a direct change touched.
fn others(record: &Record) -> Option<String> {
    let names = record.value.get("otherFields")?.as_array()?.iter().filter_map(Value::as_str);
    let names: Vec<String> = names.map(visible).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Returns an action in words: `created`, `removed out of band`, `exported`.
pub fn action(record: &Record) -> String {
    let action = record.action();
    let action = action.strip_prefix("task.").or_else(|| action.strip_prefix("audit.")).unwrap_or(action);
    action.replace('_', " ")
}

fn who(record: &Record) -> String {
    let auth = record.text("/actor/auth").map(|auth| format!(" ({})", visible(auth)));
    format!("{}{}", visible(record.actor()), auth.unwrap_or_default())
}

/// Returns a change: `status PENDING → IN_PROGRESS`.
pub fn change(field: &str, old: &Value, new: &Value) -> String {
    format!("{} {} → {}", visible(field), value(old), value(new))
}

fn value(value: &Value) -> String {
    let hashed = value.get("length").and_then(Value::as_u64).zip(value.get("sha256").and_then(Value::as_str));
    match (value, hashed) {
        (Value::Null, _) => "–".into(),
        (Value::String(text), _) => visible(text),
        (_, Some((length, hash))) => {
            let start: String = hash.chars().take(8).collect();
            format!(
                "[{}, salted hash {}…]",
                count(usize::try_from(length).unwrap_or(usize::MAX), "character"),
                visible(&start)
            )
        }
        (other, None) => visible(&other.to_string()),
    }
}

fn colour(action: &str) -> Colour {
    match action {
        "task.created" => Colour::Green,
        "task.deleted" | "task.purged" => Colour::Yellow,
        "task.updated" => Colour::Bold,
        action if action.ends_with("_out_of_band") => Colour::Red,
        _ => Colour::Dim,
    }
}

/// Shortens a text that stands behind `indent` letters to a terminal's width.
fn cut(text: &str, width: Option<usize>, indent: usize) -> String {
    match width {
        Some(width) => shortened(text, width.saturating_sub(indent).max(20)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use serde_json::json;

    use super::{entry, history};
    use crate::{
        audit::record::{Record, samples::record},
        terminal::screen::Paint,
    };

    /// A task that was created, changed by someone with a hostile user agent and directly in the table, and deleted.
    fn life() -> Vec<Record> {
        let hashed = json!({"length": 12, "sha256": "5c1e9a7d00112233445566778899aabbccddeeff00112233445566778899aabb"});
        let created = json!([
            {"field": "title", "old": null, "new": hashed}, {"field": "status", "old": null, "new": "PENDING"},
        ]);
        let gone = json!([
            {"field": "title", "old": hashed, "new": null}, {"field": "status", "old": "IN_PROGRESS", "new": null},
            {"field": "assignee", "old": "\u{202e}nna", "new": null},
        ]);
        let hostile = json!(
            "Mozilla/5.0 \u{1b}[2J\u{1b}]0;root\u{7} (a user agent so long that it does not fit into the line)"
        );
        let direct = [
            ("/actor", json!({"id": "unknown"})),
            ("/request", json!(null)),
            ("/changes/0", json!({"field": "assignee", "old": null, "new": "\u{202e}nna"})),
        ];
        let purged =
            [("/task/versionAfter", json!(null)), ("/integrity/after", json!(null)), ("/changes", json!([]))];
        let by = json!({"id": "alice", "auth": "token", "credential": "0a1b2c3d"});
        let call = json!({
            "id": "request-1", "method": "POST", "route": "/tasks", "traceId": "1-67891233-abcdef012345678912345678",
        });
        let time = json!({"changed": "2026-11-23T15:41:01.376Z", "firstTried": "2026-11-23T09:00:00.000Z"});
        let mut direct = record(3, "task.modified_out_of_band", &direct).value;
        direct["otherFields"] = json!(["expiresAt", "\u{202e}note"]);
        vec![
            record(
                1,
                "task.created",
                &[("/changes", created), ("/actor", by), ("/request", call), ("/time", time)],
            ),
            record(2, "task.updated", &[("/request/userAgent", hostile)]),
            Record::parse(direct.to_string()).expect("a record"),
            record(4, "task.deleted", &[("/changes", gone)]),
            record(5, "task.purged", &purged),
        ]
    }

    /// `REFRESH=1 cargo test -p taskctl shown` writes the files.
    fn compare(name: &str, shown: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/audit/shown").join(name);
        let shown = format!("{shown}\n");
        if env::var_os("REFRESH").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &shown).unwrap();
        }
        assert_eq!(shown, fs::read_to_string(&path).unwrap_or_default(), "{name}");
    }

    #[test]
    fn a_history_is_shown_as_it_was() {
        for (name, width) in [("history-80.txt", 80), ("history-120.txt", 120)] {
            let shown = history(&life(), Paint::NONE, Some(width));
            assert!(shown.lines().all(|line| line.chars().count() <= width), "{shown}");
            compare(name, &shown);
        }
    }

    #[test]
    fn entries_are_shown_as_they_were() {
        for (name, width) in [("entries-80.txt", 80), ("entries-120.txt", 120)] {
            let shown: Vec<String> =
                life().iter().map(|record| entry(record, Paint::NONE, Some(width))).collect();
            compare(name, &shown.join("\n"));
        }
    }

    #[test]
    fn a_break_is_told_above_the_records() {
        let mut broken = life();
        broken.remove(2);
        let shown = history(&broken, Paint::NONE, None);
        assert!(
            shown.starts_with("T of team: 4 records, chain broken in 1 place\n  task.deleted to version 4"),
            "{shown}"
        );
    }
}
