//! A page of one owner's list, as the owner's tasks grow in number: its instructions and what it consumes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::commands::bench::calls::{list_of, task};
use crate::commands::bench::candidate::Candidate;
use crate::commands::bench::report::{Row, thousands};
use crate::commands::bench::table::{self, Table};
use crate::commands::bench::valgrind::Meter;
use crate::commands::bench::wire::Wire;
use crate::tools::process::check_interrupted;
use crate::tools::progress::step;

/// The owners, with names of one length, and their tasks.
const OWNERS: [(&str, usize); 3] = [("owner-s", 1_000), ("owner-m", 100_000), ("owner-l", 1_000_000)];
const PAGE: usize = 100;
const PAGES: usize = 10;
/// The items of one `BatchWriteItem`: as many as it takes.
const BATCH: usize = 25;
/// The share by which a page may change, in percent.
const MOST_PERCENT: f64 = 5.0;

/// One page of an owner.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Page {
    pub tasks: usize,
    pub instructions: u64,
    /// The read units of the query.
    pub units: f64,
}

/// Fills the table and measures the pages.
pub fn measure(ours: &Candidate, table: &Path) -> Result<Vec<Page>> {
    let mut table = Table::start(table, None)?;
    for (owner, tasks) in OWNERS {
        step(&format!("{tasks} tasks"), || fill(table.http(), owner, tasks))?;
    }
    let command = ours.on(&table);
    let page = |(owner, tasks): (&str, usize)| {
        Ok(Page { tasks, instructions: instructions(&command, owner)?, units: units(table.wire(), owner)? })
    };
    OWNERS.into_iter().map(page).collect()
}

/// Says how far the pages are from the first one.
#[expect(clippy::cast_precision_loss, reason = "instructions far below 2^52")]
pub fn rows(pages: &[Page]) -> Vec<Row> {
    let Some(first) = pages.first() else { return Vec::new() };
    let row = |page: &Page| {
        let percent = |now: f64, before: f64| (now / before - 1.0) * 100.0;
        let instructions = percent(page.instructions as f64, first.instructions as f64);
        let units = percent(page.units, first.units);
        let what = format!("a page of {PAGE} of {} tasks", page.tasks);
        let figure = format!(
            "{} instructions ({instructions:+.1} %), {} units ({units:+.1} %)",
            thousands(page.instructions),
            page.units
        );
        let missed = instructions.abs() > MOST_PERCENT || units.abs() > MOST_PERCENT;
        Row { must: format!("± {MOST_PERCENT} %"), missed, ..Row::shown(what, figure) }
    };
    pages.iter().map(row).collect()
}

/// Writes an owner's tasks. The text of one is made once: only its number changes.
fn fill(address: &str, owner: &str, tasks: usize) -> Result<()> {
    let mut wire = Wire::connect(address)?;
    let item = plain_task(owner).to_string();
    for from in (0..tasks).step_by(BATCH) {
        check_interrupted()?;
        let put = |number: usize| {
            let item = item.replace("000000000000", &format!("{number:012x}"));
            format!(r#"{{"PutRequest":{{"Item":{item}}}}}"#)
        };
        let puts: Vec<_> = (from..tasks.min(from + BATCH)).map(put).collect();
        let body = format!(r#"{{"RequestItems":{{"{}":[{}]}}}}"#, table::NAME, puts.join(","));
        let answer = wire.send(&wire.request("BatchWriteItem", &body))?;
        let answer: Value =
            serde_json::from_slice(&answer).context("BatchWriteItem was not answered with JSON")?;
        let left = answer["UnprocessedItems"].as_object().map_or(0, serde_json::Map::len);
        ensure!(left == 0, "the table did not take all tasks");
    }
    Ok(())
}

/// Returns a task without what the indexes read, which the page does not: a million of them fit into memory.
fn plain_task(owner: &str) -> Value {
    let mut task = task(owner, 0);
    if let Some(attributes) = task.as_object_mut() {
        attributes.retain(|name, _| !["statusKey", "dueAt", "openOwner"].contains(&name.as_str()));
    }
    task
}

fn instructions(command: &Command, owner: &str) -> Result<u64> {
    let event = list_of(owner, PAGE);
    let run = |pages: usize| {
        Meter::total().count(command, "task-api", |instance| {
            (0..pages).try_for_each(|_| {
                let answer = instance.invoke(&event)?;
                let tasks = answer.body.matches("createdAt").count();
                ensure!(tasks == PAGE, "a page has {tasks} tasks: {}", answer.body);
                Ok(())
            })
        })
    };
    Ok(run(PAGES + 1)?.since(&run(1)?).per(PAGES).instructions())
}

/// Asks the table for the same page, and what it consumes.
fn units(wire: &mut Wire, owner: &str) -> Result<f64> {
    let query = json!({
        "TableName": table::NAME, "Limit": PAGE, "ScanIndexForward": false, "ReturnConsumedCapacity": "TOTAL",
        "KeyConditionExpression": "PK = :owner AND begins_with(SK, :task)",
        "ExpressionAttributeValues": {":owner": {"S": owner}, ":task": {"S": "TASK#"}},
    });
    let answer = wire.call("Query", &query.to_string())?;
    answer["ConsumedCapacity"]["CapacityUnits"].as_f64().context("the query does not say what it consumed")
}

#[cfg(test)]
mod tests {
    use super::{Page, plain_task, rows};

    #[test]
    fn a_page_that_grows_is_missed() {
        let page = |tasks, instructions, units| Page { tasks, instructions, units };
        let rows = rows(&[page(1, 2_000_000, 12.5), page(2, 2_090_000, 12.5), page(3, 2_000_000, 13.5)]);
        assert_eq!(rows.iter().map(|row| row.missed).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(rows[1].figure, "2090 k instructions (+4.5 %), 12.5 units (+0.0 %)");
    }

    #[test]
    fn a_plain_task_is_in_no_index() {
        let task = plain_task("team");
        assert!(task["statusKey"].is_null() && task["dueAt"].is_null() && task["openOwner"].is_null());
        assert_eq!(task["PK"]["S"], "team");
    }
}
