//! The instructions of each function's start and of each of its calls.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::bench::calls::Call;
use crate::commands::bench::candidate::Candidate;
use crate::commands::bench::consumer::{self, Consumer, Sink};
use crate::commands::bench::cost::Cost;
use crate::commands::bench::instance::Instance;
use crate::commands::bench::table::Table;
use crate::commands::bench::valgrind::Meter;
use crate::service::principals::{Principal, SCOPES};

/// The calls by which a run is longer than the one that it is compared with.
pub const TIMES: usize = 50;
const PRINCIPALS: usize = 10;
/// The name of a start among the calls.
pub const INIT: &str = "init";

/// Instructions by path through a function: its start, and each call.
pub type Counts = Vec<(String, Cost)>;

/// Counts a task service: its start, and each call once it is warm.
pub fn of_service(meter: &Meter, candidate: &Candidate, table: &mut Table, times: usize) -> Result<Counts> {
    let command = candidate.on(table);
    let mut run = |more: Option<Call>| {
        meter.count(&command, "task-api", |instance| calls(instance, table, more, times))
    };
    let warm = run(None)?;
    let init = (INIT.to_owned(), meter.count(&command, "task-api", |_| Ok(()))?);
    let of = |call: Call| Ok((call.name().to_owned(), per(run(Some(call))?, &warm, times)));
    std::iter::once(Ok(init)).chain(Call::ALL.into_iter().map(of)).collect()
}

/// Makes each call once, and one of them some times more.
pub fn calls(instance: &mut Instance, table: &mut Table, more: Option<Call>, times: usize) -> Result<()> {
    let more = more.map_or(Vec::new(), |call| vec![call; times]);
    for (number, call) in Call::ALL.into_iter().chain(more).enumerate() {
        call.prepare(table, number)?;
        call.make(instance, number)?;
    }
    Ok(())
}

/// Counts the audit function: its start, and a record that comes alone or with 99 others. Its log is sealed.
pub fn of_audit(meter: &Meter, audit: &Path) -> Result<Counts> {
    let sink = Sink::start()?;
    let command = Consumer { command: Command::new(audit), is_sealed: true }.on(&sink);
    let run = |records: usize, batches: usize| {
        meter.count(&command, "audit", |instance| {
            (0..batches).try_for_each(|at| consumer::invoke(instance, at, records))
        })
    };
    let record =
        |records, batches| anyhow::Ok(per(run(records, batches + 1)?, &run(records, 1)?, batches * records));
    Ok(vec![
        (INIT.to_owned(), run(1, 0)?),
        ("record of 100".to_owned(), record(100, 10)?),
        ("record alone".to_owned(), record(1, TIMES)?),
    ])
}

#[derive(Deserialize)]
struct Jwt {
    issuers: Value,
    token: String,
}

/// Counts the authorizer: its start with and without pinned keys, and a call with the first and the last of ten static tokens and
/// with a JWT (RS256) whose key is known.
pub fn of_authorizer(meter: &Meter, authorizer: &Path) -> Result<Counts> {
    let jwt: Jwt = serde_json::from_str(include_str!("jwt.json")).context("jwt.json is damaged")?;
    let token = |number: usize| format!("token-{number}");
    let entry = |number| Principal::new(&format!("p{number}"), "team", &SCOPES, &token(number));
    let principals = json!((0..PRINCIPALS).map(entry).collect::<Vec<_>>()).to_string();
    let mut command = Command::new(authorizer);
    command.env("PRINCIPALS", principals);
    let without_jwt = meter.count(&command, "authorizer", |_| Ok(()))?;
    command.env("ISSUERS", jwt.issuers.to_string());
    let run = |token: &str, calls| {
        meter
            .count(&command, "authorizer", |instance| (0..calls).try_for_each(|_| authorize(instance, token)))
    };
    let call = |token: &str| anyhow::Ok(per(run(token, TIMES + 1)?, &run(token, 1)?, TIMES));
    Ok(vec![
        (INIT.to_owned(), without_jwt),
        ("init, two keys pinned".to_owned(), meter.count(&command, "authorizer", |_| Ok(()))?),
        ("first of ten tokens".to_owned(), call(&token(0))?),
        ("last of ten tokens".to_owned(), call(&token(PRINCIPALS - 1))?),
        ("JWT".to_owned(), call(&jwt.token)?),
    ])
}

fn authorize(instance: &mut Instance, token: &str) -> Result<()> {
    let event = json!({
        "type": "TOKEN", "authorizationToken": format!("Bearer {token}"),
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abcdefghij/dev/GET/tasks",
    });
    instance.invoke(&event.to_string()).map(drop)
}

/// Counts a function that does nothing.
pub fn of_floor(meter: &Meter, floor: &Path) -> Result<Counts> {
    let command = Command::new(floor);
    let run = |calls| {
        meter.count(&command, "floor", |instance| {
            (0..calls).try_for_each(|_| instance.invoke(&Call::Get.event(0)).map(drop))
        })
    };
    Ok(vec![(INIT.to_owned(), run(0)?), (Call::Get.name().to_owned(), per(run(TIMES + 1)?, &run(1)?, TIMES))])
}

fn per(longer: Cost, shorter: &Cost, calls: usize) -> Cost {
    longer.since(shorter).per(calls)
}
