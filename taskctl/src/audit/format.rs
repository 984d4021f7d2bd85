//! The forms of an export.

use serde_json::{Value, json};

use crate::{
    audit::{cloud_events, ocsf, record::Record},
    cli::audit_args::{ConditionArgs, Format, RangeArgs},
    terminal::clock::{self, Millis},
};

/// The format of the record that an export leaves in the audit log.
pub const EXPORT_SCHEMA: &str = "audit.export/1";

/// The columns of a CSV file, with each one's place in a record.
const COLUMNS: [(&str, &str); 27] = [
    ("changed", "/time/changed"),
    ("action", "/action"),
    ("actor", "/actor/id"),
    ("auth", "/actor/auth"),
    ("owner", "/task/owner"),
    ("task", "/task/id"),
    ("versionBefore", "/task/versionBefore"),
    ("versionAfter", "/task/versionAfter"),
    ("changes", "/changes"),
    ("sourceIp", "/request/sourceIp"),
    ("userAgent", "/request/userAgent"),
    ("requestId", "/request/id"),
    ("method", "/request/method"),
    ("route", "/request/route"),
    ("traceId", "/request/traceId"),
    ("credential", "/actor/credential"),
    ("outcome", "/outcome"),
    ("stage", "/stage"),
    ("otherFields", "/otherFields"),
    ("firstTried", "/time/firstTried"),
    ("streamed", "/time/streamed"),
    ("audited", "/time/audited"),
    ("schema", "/schema"),
    ("eventId", "/eventId"),
    ("sequenceNumber", "/source/sequenceNumber"),
    ("before", "/integrity/before"),
    ("after", "/integrity/after"),
];

/// Returns the line that an export begins with, if its form has one.
pub fn head(format: Format) -> Option<String> {
    match format {
        Format::Ndjson | Format::Ocsf | Format::CloudEvents | Format::Bundle => None,
        Format::Csv => Some(COLUMNS.map(|(name, _)| name).join(",") + "\r\n"),
    }
}

/// Returns a record as an export has it, with the line's end.
pub fn line(format: Format, record: &Record) -> String {
    match format {
        // As it is stored; a line break between members would make two lines of it.
        Format::Ndjson if record.line.contains(['\n', '\r']) => format!("{}\n", record.value),
        Format::Ndjson | Format::Bundle => format!("{}\n", record.line),
        Format::Ocsf => format!("{}\n", ocsf::event(record)),
        Format::CloudEvents => format!("{}\n", cloud_events::event(record)),
        Format::Csv => {
            let cell = |(_, path): (&str, &str)| quoted(&plain(record.value.pointer(path)));
            COLUMNS.map(cell).join(",") + "\r\n"
        }
    }
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Returns a cell of a CSV file (RFC 4180). A spreadsheet takes a cell that begins with one of a few letters for a formula, even in
/// quotes, so such a text gets an apostrophe in front.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// An export, as the audit log has it.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// Random, and the same in both of its records.
    pub id: &'a str,
    /// The ARN of whoever exports.
    pub by: &'a str,
    pub format: Format,
    pub range: RangeArgs,
    pub conditions: &'a ConditionArgs,
}

/// The totals of an export.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exported {
    pub records: u64,
    pub copies: u64,
    pub findings: u64,
    /// It was not stopped before its end.
    pub complete: bool,
}

impl Export<'_> {
    /// Returns the record of its beginning or, with what it came to, of its end.
    pub fn record(&self, exported: Option<Exported>, now: Millis) -> Value {
        let ConditionArgs { action, field, address, actor, owner } = self.conditions;
        let (phase, name) =
            if exported.is_some() { ("end", "audit.exported") } else { ("start", "audit.export_started") };
        let time = |at: Option<Millis>| at.map(clock::exact);
        let mut record = json!({
            "schema": EXPORT_SCHEMA,
            "eventId": format!("{}-{phase}", self.id),
            "action": name,
            "actor": {"id": self.by, "auth": "aws"},
            "export": {
                "id": self.id,
                "format": self.format.name(),
                "since": time(self.range.since),
                "until": time(self.range.until),
                "conditions": {"action": action, "field": field, "address": address.map(|address| address.to_string()),
                    "actor": actor, "owner": owner},
            },
            "time": {"audited": clock::exact(now)},
        });
        if let Some(Exported { records, copies, findings, complete }) = exported {
            record["export"]["records"] = json!(records);
            record["export"]["copies"] = json!(copies);
            record["export"]["findings"] = json!(findings);
            record["export"]["complete"] = json!(complete);
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Export, Exported, head, line, quoted};
    use crate::{
        audit::record::{Record, samples::record},
        cli::audit_args::{ConditionArgs, Format, RangeArgs},
    };

    #[test]
    fn ndjson_has_the_records_as_they_are_stored() {
        let stored = record(1, "task.created", &[]);
        assert_eq!(line(Format::Ndjson, &stored), format!("{}\n", stored.line));
        let spread = Record::parse(serde_json::to_string_pretty(&stored.value).unwrap()).expect("a record");
        assert_eq!(line(Format::Ndjson, &spread), format!("{}\n", stored.value));
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("a,b", "\"a,b\""),
            ("two\nlines", "\"two\nlines\""),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(quoted(text), cell);
        }
    }

    #[test]
    fn a_csv_row_has_a_cell_for_each_column() {
        let columns = head(Format::Csv).expect("a heading");
        assert!(columns.starts_with("changed,action,actor,") && columns.ends_with(",after\r\n"), "{columns}");
        let plain =
            record(7, "task.updated", &[("/changes", json!([])), ("/request/userAgent", json!("=1+1"))]);
        let row = line(Format::Csv, &plain);
        assert_eq!(row.split(',').count(), columns.split(',').count(), "{row}");
        assert!(
            row.starts_with(
                "2026-11-23T15:41:07.376Z,task.updated,alice,token,team,T,6,7,[],203.0.113.7,'=1+1,"
            ),
            "{row}"
        );
    }

    fn published(record: &Value) -> bool {
        let schema =
            serde_json::from_str(include_str!("../../../docs/audit-record.schema.json")).expect("JSON");
        jsonschema::options().build(&schema).expect("a schema").is_valid(record)
    }

    #[test]
    fn an_export_is_a_record_itself() {
        let conditions = ConditionArgs { owner: Some("team".into()), ..ConditionArgs::default() };
        let range = RangeArgs { since: Some(0), until: None };
        let export = Export {
            id: "7d0f3a6f5b0e4c1d9a8b7c6d5e4f3a2b",
            by: "arn:aws:iam::1:user/eve",
            format: Format::Csv,
            range,
            conditions: &conditions,
        };
        let ended = Exported { records: 2, complete: true, ..Exported::default() };
        for (record, action) in [
            (export.record(None, 5), "audit.export_started"),
            (export.record(Some(ended), 5), "audit.exported"),
        ] {
            assert!(published(&record), "{record:#}");
            let record = Record::parse(record.to_string()).expect("a record");
            assert_eq!((record.action(), record.actor()), (action, "arn:aws:iam::1:user/eve"));
            assert_eq!(record.text("/export/since"), Some("1970-01-01T00:00:00.000Z"));
            assert_eq!(record.text("/export/conditions/owner"), Some("team"));
        }
        let mut record = export.record(Some(ended), 5);
        assert_eq!(record["export"]["records"], json!(2));
        record["action"] = json!("audit.export_started");
        assert!(!published(&record), "totals before the end");
    }
}
