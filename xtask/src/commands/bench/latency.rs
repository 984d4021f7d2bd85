//! The time and the processor time of each call, of ours and of its peers, all on one core with the table.
//!
//! The candidates take turns of a few calls, so that whatever else the machine does slows all of them. The first calls of a turn are
//! not measured: they find the core's caches full of what the candidate before did, and how full depends on who that was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::commands::bench::calls::{Call, READ, task};
use crate::commands::bench::candidate::{Candidate, OURS, POWERTOOLS, PYTHON, SAMPLE};
use crate::commands::bench::instance::Instance;
use crate::commands::bench::memory::RESIDENT;
use crate::commands::bench::one_core::on_one_core;
use crate::commands::bench::report::{Row, as_megabytes};
use crate::commands::bench::table::{self, Table};
use crate::commands::bench::traffic::median;

/// The rounds: in each, every candidate has a turn with every call.
const ROUNDS: usize = 40;
/// The calls of a turn, and how many of them at its beginning are not measured.
const TURN: usize = 7;
const UNMEASURED: usize = 2;
const MOST_MEMORY: f64 = 7.5;
/// A GET takes at most so many times as long as the one `GetItem` in it.
const MOST_RAW: f64 = 4.0;
/// Python's median for a GET, as a multiple of ours.
const LEAST_FASTER: f64 = 4.5;
/// Python's processor time as a multiple of ours.
const LEAST_CPU: [(Call, f64); 4] =
    [(Call::Get, 5.5), (Call::Create, 5.5), (Call::Delete, 5.0), (Call::List100, 8.0)];

/// The times of one call, which was made often.
#[derive(Debug, Default)]
struct Times {
    took: Vec<Duration>,
    on_cpu: Vec<Duration>,
}

/// The results.
struct Latencies {
    raw: Vec<Duration>,
    times: BTreeMap<(&'static str, Call), Times>,
    /// The resident memory after all calls.
    memory: BTreeMap<&'static str, u64>,
}

/// Measures all candidates.
pub fn measure(candidates: &[Candidate], table: &std::path::Path) -> Result<Vec<Row>> {
    let found = on_one_core(|| {
        let mut table = Table::start(table, None)?;
        let start = |candidate: &Candidate| Ok((candidate.name, candidate.start(&table)?));
        let mut instances = candidates.iter().map(start).collect::<Result<Vec<_>>>()?;
        rounds(&mut instances, &mut table)
    })?;
    rows(&found)
}

fn rounds(instances: &mut [(&'static str, Instance)], table: &mut Table) -> Result<Latencies> {
    let mut found = Latencies { raw: Vec::new(), times: BTreeMap::new(), memory: BTreeMap::new() };
    let item = task(READ, 60);
    let key = json!({"TableName": table::NAME, "Key": {"PK": item["PK"], "SK": item["SK"]}});
    let get_item = table.wire().request("GetItem", &key.to_string());
    for round in 0..ROUNDS {
        let (_, ours) =
            instances.iter_mut().find(|(name, _)| *name == OURS).context("ours is not among them")?;
        for at in 0..TURN {
            // After a call, so that the table and the core's caches are as they are for the `GetItem` within a call.
            ours.ready()?;
            Call::Get.make(ours, at)?;
            let began = Instant::now();
            table.wire().send(&get_item)?;
            if at >= UNMEASURED {
                found.raw.push(began.elapsed());
            }
        }
        for call in Call::ALL {
            for (name, instance) in &mut *instances {
                let times = found.times.entry((name, call)).or_default();
                turn(round, call, instance, table, times).with_context(|| format!("{name} failed"))?;
            }
        }
    }
    for (name, instance) in instances {
        found.memory.insert(name, instance.memory(RESIDENT)?);
    }
    Ok(found)
}

fn turn(
    round: usize,
    call: Call,
    instance: &mut Instance,
    table: &mut Table,
    times: &mut Times,
) -> Result<()> {
    instance.ready()?;
    for at in 0..TURN {
        let number = round * TURN + at;
        call.prepare(table, number)?;
        let before = instance.on_cpu()?;
        let answer = call.make(instance, number)?;
        if at >= UNMEASURED {
            times.took.push(answer.took);
            times.on_cpu.push(Duration::from_secs_f64(instance.on_cpu()? - before));
        }
    }
    Ok(())
}

impl Latencies {
    /// Returns the median, in microseconds.
    fn median(&self, name: &'static str, call: Call) -> Result<f64> {
        Ok(microseconds(median(self.of(name, call)?.took.clone())))
    }

    /// Returns the median of the processor time, in microseconds.
    fn on_cpu(&self, name: &'static str, call: Call) -> Result<f64> {
        Ok(microseconds(median(self.of(name, call)?.on_cpu.clone())))
    }

    fn of(&self, name: &'static str, call: Call) -> Result<&Times> {
        self.times.get(&(name, call)).with_context(|| format!("{name} was not measured"))
    }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn rows(found: &Latencies) -> Result<Vec<Row>> {
    let raw = microseconds(median(found.raw.clone()));
    let get = found.median(OURS, Call::Get)?;
    let mut rows = vec![
        Row::shown("one GetItem, no function: median", format!("{raw:.0} µs")),
        Row::at_most_times("GET: median, of the median of that GetItem", get / raw, MOST_RAW).time(),
        Row::times("GET: Python's median, of ours", found.median(PYTHON, Call::Get)? / get, LEAST_FASTER)
            .time(),
    ];
    for (call, least) in LEAST_CPU {
        let ratio = found.on_cpu(PYTHON, call)? / found.on_cpu(OURS, call)?;
        rows.push(Row::times(format!("{}: Python's processor time, of ours", call.name()), ratio, least));
    }
    for call in Call::ALL {
        let of = |name| {
            let (median, on_cpu) = (found.median(name, call)?, found.on_cpu(name, call)?);
            anyhow::Ok(format!("{name} {median:.0}/{on_cpu:.0}"))
        };
        let all = [OURS, SAMPLE, PYTHON, POWERTOOLS].map(of).into_iter().collect::<Result<Vec<_>>>()?;
        rows.push(Row::shown(format!("{}: median/processor time, µs", call.name()), all.join(", ")));
    }
    let calls = ROUNDS * TURN * (Call::ALL.len() + 1);
    for (name, memory) in &found.memory {
        let (what, memory) = (format!("{name}: memory after {calls} calls (RSS)"), as_megabytes(*memory));
        rows.push(match *name {
            OURS => Row::megabytes(what, memory, MOST_MEMORY),
            _ => Row::shown(what, format!("{memory:.2} MB")),
        });
    }
    Ok(rows)
}
