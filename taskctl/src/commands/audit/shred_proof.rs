//! `audit shred-proof`: shows that a deleted task's text is nowhere, and that nothing is left to test a guess with.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tasks::item::{PARTITION_KEY, SORT_KEY, TASK_PREFIX, removed_by_deletion};

use crate::{
    account::{clients::Aws, error::AwsError, service::Service},
    audit::{
        log::Reader,
        record::Record,
        shred::{self, Look, Verdict},
    },
    cli::{
        audit_args::{RangeArgs, ShredArgs},
        failure::{Exit, Failure},
    },
    commands::audit::task,
    terminal::{
        clock::{self, Millis},
        layout::count,
        screen::{self, Colour, Paint},
        visible::visible,
    },
};

const DAY: Millis = 86_400_000;
/// How long what cannot be deleted keeps a deleted item: the table's stream, and its point-in-time recovery.
const KEPT: [(&str, Millis); 2] =
    [("the table's stream", DAY), ("point-in-time recovery of the table", 35 * DAY)];

pub async fn run(aws: &Aws, service: &Service, args: &ShredArgs) -> Result<Exit, Failure> {
    let id = &args.id;
    let history = task::read(aws, &service.audit_group, id, RangeArgs::default()).await?;
    let [records] = history.by_owner.as_slice() else {
        let owners = history.by_owner.len();
        return Err(Failure::failed(format!(
            "{id} is the id of {} in {}",
            count(owners, "task"),
            service.audit_group
        ))
        .next("is this the right stage? --stage STAGE"));
    };
    let owner = records.first().and_then(|record| record.text("/task/owner")).unwrap_or_default();
    let mut looks = Vec::from(shred::of_records(records));
    if let Some(finding) = history.findings.first() {
        looks.push(Look::new("lines with its id", Verdict::Unknown, finding.clone()));
    }
    looks.push(table(aws, &service.table, owner, id).await);
    looks.push(quarantine(aws, &service.quarantine_group, id).await);
    looks.push(bucket(aws, &service.failure_bucket, id).await);
    let remains = remains(records, clock::now());
    tell(id, &looks, &remains, args.json);
    Ok(exit(&looks))
}

/// Something readable is worse than something unknown.
fn exit(looks: &[Look]) -> Exit {
    let any = |verdict: Verdict| looks.iter().any(|look| look.verdict == verdict);
    match () {
        () if any(Verdict::Readable) => Exit::Disproven,
        () if any(Verdict::Unknown) => Exit::Unproven,
        () => Exit::Success,
    }
}

/// Looks at the task's item: gone, or a tombstone without content.
async fn table(aws: &Aws, table: &str, owner: &str, id: &str) -> Look {
    let text = |text: String| AttributeValue::S(text);
    let get = aws.dynamodb.get_item().table_name(table).consistent_read(true);
    let get =
        get.key(PARTITION_KEY, text(owner.to_owned())).key(SORT_KEY, text(format!("{TASK_PREFIX}{id}")));
    let item = match get.send().await {
        Err(error) => return unknown("table", &AwsError::from(error)),
        Ok(found) => found.item,
    };
    let Some(item) = item else { return Look::new("table", Verdict::Clean, "it has no item of the task") };
    let left: Vec<&str> = removed_by_deletion().filter(|name| item.contains_key(*name)).collect();
    if left.is_empty() {
        Look::new("table", Verdict::Clean, "its item is a tombstone, without content and salt")
    } else {
        Look::new("table", Verdict::Readable, format!("its item has {}", left.join(", ")))
    }
}

/// Looks for the task in the quarantine, whose lines have whole items.
async fn quarantine(aws: &Aws, group: &str, id: &str) -> Look {
    let mut reader = Reader::new(aws, group, Some(format!("\"{id}\"")), RangeArgs::default());
    loop {
        match reader.try_page().await {
            Err(error) => return unknown("quarantine", &error),
            Ok(None) => return Look::new("quarantine", Verdict::Clean, "no line has its id"),
            Ok(Some(page)) => {
                if let Some(event) = page.first() {
                    let why = format!("the line of {} has a whole item of it", clock::exact(event.at));
                    return Look::new("quarantine", Verdict::Readable, why);
                }
            }
        }
    }
}

/// Looks for the task in the batches that Lambda gave up on.
async fn bucket(aws: &Aws, bucket: &str, id: &str) -> Look {
    let place = "failure bucket";
    let (mut pages, mut read) = (aws.s3.list_objects_v2().bucket(bucket).into_paginator().send(), 0);
    while let Some(page) = pages.next().await {
        let page = match page.map_err(AwsError::from) {
            Ok(page) => page,
            Err(error) => return unknown(place, &error),
        };
        for key in page.contents().iter().filter_map(|object| object.key()) {
            let object =
                match aws.s3.get_object().bucket(bucket).key(key).send().await.map_err(AwsError::from) {
                    Ok(object) => object,
                    Err(error) => return unknown(place, &error),
                };
            let Ok(body) = object.body.collect().await else {
                return Look::new(place, Verdict::Unknown, format!("{key} could not be read to its end"));
            };
            if String::from_utf8_lossy(&body.into_bytes()).contains(id) {
                return Look::new(place, Verdict::Readable, format!("{key} has a whole item of it"));
            }
            read += 1;
        }
    }
    Look::new(place, Verdict::Clean, format!("none of its {} has its id", count(read, "object")))
}

fn unknown(place: &'static str, error: &AwsError) -> Look {
    Look::new(place, Verdict::Unknown, error.line())
}

/// Returns what still has the deleted item and cannot be told to forget it, and until when.
fn remains(records: &[Record], now: Millis) -> Vec<(&'static str, Millis)> {
    let deleted = records.last().and_then(|record| clock::parse_date_time(record.changed()));
    let until = |(place, kept)| (place, deleted.unwrap_or(now) + kept);
    KEPT.into_iter().map(until).filter(|(_, until)| *until > now).collect()
}

fn tell(id: &str, looks: &[Look], remains: &[(&str, Millis)], json: bool) {
    let verdict = match exit(looks) {
        Exit::Success => "shredded",
        Exit::Disproven => "not shredded",
        _ => "cannot tell",
    };
    if json {
        let look =
            |look: &Look| json!({"place": look.place, "verdict": look.verdict.name(), "why": look.why});
        let until = |(place, until): &(&str, Millis)| json!({"place": place, "until": clock::exact(*until)});
        let told = json!({"task": id, "verdict": verdict, "looks": looks.iter().map(look).collect::<Vec<_>>(),
            "remains": remains.iter().map(until).collect::<Vec<_>>()});
        screen::out(&told.to_string());
        return;
    }
    let paint = Paint::stdout();
    let colour = if exit(looks) == Exit::Success { Colour::Green } else { Colour::Red };
    screen::out(&format!("{}: {}", paint.text(Colour::Bold, &visible(id)), paint.text(colour, verdict)));
    for Look { place, verdict, why } in looks {
        screen::out(&format!("  {place:<18}{:<10}{}", verdict.name(), visible(why)));
    }
    for (place, until) in remains {
        screen::out(&format!("  {} has the item, salt included, until {}", place, clock::date_time(*until)));
    }
    screen::out("  not looked at: backups and exports of the table, and copies that someone made of it");
}

#[cfg(test)]
mod tests {
    use super::{
        DAY, Look,
        Verdict::{self, Clean, Readable, Unknown},
        exit, remains,
    };
    use crate::{audit::record::samples::record, cli::failure::Exit, terminal::clock};

    #[test]
    fn what_is_readable_counts_more_than_what_is_unknown() {
        let looks = |verdicts: &[Verdict]| -> Vec<Look> {
            verdicts.iter().map(|verdict| Look::new("place", verdict.clone(), "")).collect()
        };
        assert_eq!(exit(&looks(&[Clean, Clean])), Exit::Success);
        assert_eq!(exit(&looks(&[Clean, Unknown])), Exit::Unproven);
        assert_eq!(exit(&looks(&[Unknown, Readable])), Exit::Disproven);
    }

    #[test]
    fn what_forgets_by_itself_is_told_until_it_does() {
        let records = [record(7, "task.purged", &[])];
        let deleted = clock::parse_date_time(records[0].changed()).expect("a time");
        let places = |now| remains(&records, now).len();
        assert_eq!([places(deleted), places(deleted + 2 * DAY), places(deleted + 36 * DAY)], [2, 1, 0]);
    }
}
