//! Lists records as they are read, and says at the end what was found besides.

use crate::{
    account::clients::Aws,
    audit::{
        filter::Filter,
        format,
        record::Record,
        records::{Item, Records},
        text,
    },
    cli::{
        audit_args::{Format, RangeArgs},
        failure::{Exit, Failure},
    },
    terminal::{
        clock,
        layout::count,
        screen::{self, Colour, Paint, Progress},
    },
};

/// Shows every record that the filter takes, up to a limit.
pub async fn list(
    aws: &Aws,
    group: &str,
    filter: &Filter,
    range: RangeArgs,
    limit: Option<u64>,
    json: bool,
) -> Result<Exit, Failure> {
    let (mut shown, mut findings) = (0, 0);
    let paint = Paint::stdout();
    let mut records = Records::new(aws, group, filter, range);
    let mut progress = Progress::new();
    'pages: while let Some(items) = records.page().await? {
        progress.clear();
        for item in items {
            match item {
                Item::Finding(what) => {
                    findings += 1;
                    finding(&what);
                }
                Item::Record(record) => {
                    show(&record, json, paint);
                    shown += 1;
                    if limit == Some(shown) {
                        break 'pages;
                    }
                }
            }
        }
        report(&mut progress, &records);
    }
    drop(progress);
    Ok(end(shown, records.sieve.copies, findings))
}

pub fn show(record: &Record, json: bool, paint: Paint) {
    if json {
        screen::out(format::line(Format::Ndjson, record).trim_end());
    } else {
        screen::out(&text::entry(record, paint, screen::width()));
    }
}

/// Says on standard error that a line is not what it should be.
pub fn finding(what: &str) {
    screen::err(&format!("{} {what}", Paint::stderr().text(Colour::Red, "finding:")));
}

/// Shows how far the reading has come.
pub fn report(progress: &mut Progress, records: &Records<'_>) {
    if let Some(last) = records.last.filter(|_| progress.visible()) {
        let lines = usize::try_from(records.lines).unwrap_or(usize::MAX);
        progress.show(&format!("read {}, up to {}", count(lines, "line"), clock::date_time(last)));
    }
}

/// Says what was found, and returns the exit code: an answer with findings is not whole.
pub fn end(records: u64, copies: u64, findings: u64) -> Exit {
    let number = |number: u64, thing| count(usize::try_from(number).unwrap_or(usize::MAX), thing);
    let mut parts = vec![number(records, "record")];
    if copies > 0 {
        parts.push(format!("{} left out", number(copies, "copy")));
    }
    if findings > 0 {
        parts.push(number(findings, "finding"));
    }
    screen::err(&parts.join(", "));
    if findings > 0 { Exit::Unproven } else { Exit::Success }
}
