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
        audit_args::{AuditReportArgs, VerifyArgs},
        failure::{Exit, Failure},
    },
    commands::audit::{checked, listing, output::Target, verify},
    terminal::{clock, screen::Progress},
};

pub async fn run(
    aws: &Aws,
    stage: Option<&str>,
    group: &str,
    args: &AuditReportArgs,
) -> Result<Exit, Failure> {
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
    // Whoever may only read the log gets a report too, which says so.
    let seal = verify::live(aws, stage, &VerifyArgs::of(range)).await;
    let seal = seal.map(|(judgement, _)| judgement).map_err(|failure| failure.what);
    let origin =
        Origin { group, place: &aws.place, range, conditions: &conditions, made: clock::now(), copies };
    target.write_all(page::page(&origin, &summary, &seal).as_bytes()).map_err(unwritable)?;
    target.finish().map_err(unwritable)?;
    let exit = listing::end(summary.records, copies, summary.findings);
    Ok(match seal {
        Ok(seal) if !seal.report.findings.is_empty() => seal.report.verdict().into(),
        Ok(_) | Err(_) => exit,
    })
}
