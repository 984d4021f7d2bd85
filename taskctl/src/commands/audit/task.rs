//! `audit task`: shows the history of a task.

use crate::{
    account::clients::Aws,
    audit::{
        chain::Chain,
        filter::Filter,
        record::Record,
        records::{Item, Records},
        text,
    },
    cli::{
        audit_args::{RangeArgs, TaskArgs},
        failure::{Exit, Failure},
    },
    commands::audit::{checked, listing},
    terminal::screen::{self, Paint, Progress},
};

/// The most records of a task. A history is put in order as a whole, so all of it is held.
const MOST: usize = 100_000;

/// The records of a task id, in order, and what was found besides.
#[derive(Debug, Default)]
pub struct History {
    /// Two owners may have tasks of the same id.
    pub by_owner: Vec<Vec<Record>>,
    pub copies: u64,
    pub findings: Vec<String>,
}

pub async fn run(aws: &Aws, group: &str, args: &TaskArgs) -> Result<Exit, Failure> {
    let history = read(aws, group, &args.id, checked(args.range)?).await?;
    history.findings.iter().for_each(|what| listing::finding(what));
    if history.by_owner.is_empty() {
        let lost = format!("{group} at {} has no record of a task {}", aws.place, args.id);
        return Err(Failure::failed(lost).next("is this the right stage? --stage STAGE"));
    }
    let (mut shown, mut breaks) = (0, 0);
    for (at, records) in history.by_owner.iter().enumerate() {
        let chain = Chain::of(records);
        breaks += chain.breaks.len() as u64;
        shown += records.len() as u64;
        if args.json {
            for record in records {
                listing::show(record, true, Paint::NONE);
            }
            chain.breaks.iter().for_each(|broken| listing::finding(broken));
        } else {
            let gap = if at > 0 { "\n" } else { "" };
            screen::out(&format!("{gap}{}", text::history(records, Paint::stdout(), screen::width())));
        }
    }
    Ok(listing::end(shown, history.copies, history.findings.len() as u64 + breaks))
}

/// Reads the history of a task id.
pub async fn read(aws: &Aws, group: &str, id: &str, range: RangeArgs) -> Result<History, Failure> {
    let filter = Filter { task: Some(id.to_owned()), ..Filter::default() };
    let mut records = Records::new(aws, group, &filter, range);
    let (mut found, mut history) = (Vec::new(), History::default());
    let mut progress = Progress::new();
    while let Some(items) = records.page().await? {
        for item in items {
            match item {
                Item::Record(record) => found.push(record),
                Item::Finding(what) => history.findings.push(what),
            }
        }
        if found.len() > MOST {
            return Err(Failure::failed(format!("the task has more than {MOST} records"))
                .next("read a part of them: --since TIME --until TIME"));
        }
        listing::report(&mut progress, &records);
    }
    history.copies = records.sieve.copies;
    let owner = |record: &Record| record.text("/task/owner").map(ToOwned::to_owned);
    found.sort_by(|one, other| owner(one).cmp(&owner(other)).then_with(|| one.place().cmp(&other.place())));
    history.by_owner = found.chunk_by(|one, other| owner(one) == owner(other)).map(<[_]>::to_vec).collect();
    Ok(history)
}
