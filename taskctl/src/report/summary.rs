//! The summary of a plan: what goes, how much data, for how long the API stops, what stays.

use std::collections::BTreeMap;

use contract::{
    Inventory, Planned, PlannedFate, Report, Request,
    limits::{BACKUP_LAG_SECONDS, BACKUP_SECONDS, DRAIN_SECONDS, SYSTEM_BACKUP_DAYS, WATCH_SECONDS},
};

use crate::{
    report::text::fact,
    terminal::{clock, layout::count},
};

/// The types of resources that hold what people wrote.
const DATA: [&str; 4] =
    ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup", "AWS::Cognito::UserPool"];
pub const TABLE: &str = DATA[0];

/// A table that is to go, with how many items `DynamoDB` counted in it, or why that is not known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table {
    pub name: String,
    pub items: Result<i64, String>,
}

/// Tells whether things of this type hold data.
pub fn holds_data(kind: &str) -> bool {
    DATA.contains(&kind)
}

/// Returns the entries that are to have this fate.
pub fn planned(report: &Report, fate: PlannedFate) -> Vec<&Planned> {
    match &report.inventory {
        Inventory::Planned(entries) => entries.iter().filter(|entry| entry.fate == fate).collect(),
        // The plan of a stack that is gone: its things were looked for already.
        Inventory::Found(_) => Vec::new(),
    }
}

/// Returns the summary in lines.
pub fn lines(report: &Report, request: &Request, tables: &[Table], width: Option<usize>) -> Vec<String> {
    let (goes, stays) = (planned(report, PlannedFate::Delete), planned(report, PlannedFate::Keep));
    let (data, rest): (Vec<_>, Vec<_>) = goes.iter().partition(|entry| holds_data(&entry.kind));
    let data = if data.is_empty() { String::new() } else { format!("with data: {}", by_noun(&data)) };
    let parts = [count(goes.len(), "thing"), data.clone(), by_noun(&rest)];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let mut lines = fact("goes", &parts.join("; "), width);
    for table in tables {
        lines.extend(fact("data", &items(table), width));
    }
    lines.extend(fact("backup", backup(request, &data), width));
    lines.extend(fact("API", &stop(request), width));
    lines.extend(fact("stays", &by_noun(&stays), width));
    lines
}

/// Counts entries by what they are: `3 functions, 1 role`.
fn by_noun(entries: &[&Planned]) -> String {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(noun(&entry.kind)).or_insert(0) += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(noun, number)| count(*number, noun)).collect();
    parts.join(", ")
}

/// Returns a type in plain words: `AWS::Logs::LogGroup` is a `log group`.
fn noun(kind: &str) -> String {
    let name = kind.rsplit("::").next().unwrap_or(kind);
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn items(table: &Table) -> String {
    match &table.items {
        Ok(number) => format!(
            "about {number} items in {}: DynamoDB's own count of tasks and of what the service keeps beside them, up to six \
             hours old",
            table.name
        ),
        Err(why) => format!("{}: how many items it has is not known ({why})", table.name),
    }
}

fn backup(request: &Request, data: &str) -> &'static str {
    const _: () = assert!(SYSTEM_BACKUP_DAYS == 35);
    match (request.backup, request.system_backup) {
        _ if data.is_empty() => "",
        (true, true) => "the table is backed up first; DynamoDB keeps its own backup of it too, for 35 days",
        (true, false) => "the table is backed up first",
        (false, true) => "NONE of ours: DynamoDB alone keeps a backup of the table, for 35 days",
        (false, false) => "NONE: nothing of the table is kept",
    }
}

/// Says from when to when the API is stopped, by the numbers that the workflow itself goes by.
fn stop(request: &Request) -> String {
    let lasts = |seconds: u32| clock::duration(i64::from(seconds) * 1000);
    let backup = if request.backup {
        format!(
            ", at least {} until the backup (it waits so long after the last write) and at most {} for it",
            lasts(BACKUP_LAG_SECONDS),
            lasts(BACKUP_SECONDS)
        )
    } else {
        String::new()
    };
    format!(
        "stops at the freeze (503), for good. From there to the deletion: at most {} for the audit log to catch up{backup}; the \
         deletion itself at most {}. If the run gives up before the deletion, traffic comes back",
        lasts(DRAIN_SECONDS.default),
        lasts(WATCH_SECONDS.default)
    )
}

#[cfg(test)]
mod tests {
    use contract::Request;

    use super::{Table, backup, items, noun, stop};

    #[test]
    fn types_are_told_in_plain_words() {
        let words =
            ["AWS::Logs::LogGroup", "AWS::ApiGateway::RestApi", "AWS::KMS::Key", "SystemBackup", "Asset"]
                .map(noun);
        assert_eq!(words, ["log group", "rest api", "key", "system backup", "asset"]);
    }

    #[test]
    fn a_count_is_never_shown_as_exact() {
        let table = |items| Table { name: "t".into(), items };
        assert!(items(&table(Ok(12))).starts_with("about 12 items in t: DynamoDB's own count"));
        assert!(items(&table(Err("AccessDenied".into()))).contains("not known (AccessDenied)"));
    }

    #[test]
    fn without_a_backup_that_is_said_first_and_the_stop_is_shorter() {
        let with = Request::plan("tasks-dev".into());
        let without = Request { backup: false, ..with.clone() };
        assert!(backup(&without, "x").starts_with("NONE of ours"));
        assert!(backup(&Request { system_backup: false, ..without.clone() }, "x").starts_with("NONE: "));
        assert_eq!(backup(&without, ""), "", "there is no data");
        assert!(stop(&with).contains("at least 1 min 15 s"));
        assert!(!stop(&without).contains("backup"));
    }
}
