//! `audit report`: writes a report for people.

use std::io::Write;

use crate::{
    account::clients::Aws,
    audit::{
        filter::Filter,
        page::{self, Origin},
        records::Records,
        summary::Summary,
    },
    cli::{
        audit_args::AuditReportArgs,
        failure::{Exit, Failure},
    },
    commands::audit::{checked, listing, output::Target},
    terminal::{clock, screen::Progress},
};

pub async fn run(aws: &Aws, group: &str, args: &AuditReportArgs) -> Result<Exit, Failure> {
    let range = checked(args.range)?;
    let unwritable =
        |error: std::io::Error| Failure::failed(format!("--html {}: {error}", args.html.display()));
    let mut target = Target::open(Some(&args.html)).map_err(unwritable)?;
    let filter = Filter { conditions: args.conditions.clone(), task: None };
    let (mut records, mut summary) = (Records::new(aws, group, &filter, range), Summary::default());
    let mut progress = Progress::new();
    while let Some(items) = records.page().await? {
        for item in items {
            summary.take(item);
        }
        listing::report(&mut progress, &records);
    }
    drop(progress);
    let copies = records.sieve.copies;
    let conditions = filter.words();
    let origin =
        Origin { group, place: &aws.place, range, conditions: &conditions, made: clock::now(), copies };
    target.write_all(page::page(&origin, &summary).as_bytes()).map_err(unwritable)?;
    target.finish().map_err(unwritable)?;
    Ok(listing::end(summary.records, copies, summary.findings))
}
