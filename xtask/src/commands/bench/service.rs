//! The deployed service on a local AWS of its own: memory, latencies, a load with and without faults, and a teardown.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use deployment::Outputs;
use serde_json::Value;

use crate::commands::bench::report::{Row, as_megabytes};
use crate::commands::bench::{load, memory, overhead, traffic};
use crate::local::client::LocalAws;
use crate::local::disposable::Disposable;
use crate::service::functions::Binary;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

const MOST_MEMORY: f64 = 7.5;
const MOST_TRANSITIONS: usize = 60;

/// Measures the deployed service.
pub fn measure(workspace: &Workspace, binaries: &[Binary]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let local = Disposable::new(workspace, "bench")?;
    let outputs = local.bring_up(binaries)?;
    let aws = LocalAws::new(outputs.endpoint()?);
    let api = traffic::Api::new(outputs.service()?);
    step(&format!("{} requests", traffic::REQUESTS), || api.mix())?;
    rows.push(resident(&local, &outputs)?);
    rows.extend(latencies(&step("Latencies", || api.latencies(&aws, outputs.service()?))?));
    let seconds = load::PHASE.as_secs();
    let load = step(
        &format!("{} clients, {seconds} s undisturbed and {seconds} s with faults", load::CLIENTS),
        || load::run(&aws, outputs.service()?, &api_document(workspace)?),
    )?;
    rows.extend(loads(&load));
    let run = step("One teardown, its waits at a tenth", || overhead::measure(workspace, &aws, &outputs))?;
    rows.extend(teardown(&run));
    Ok(rows)
}

fn resident(local: &Disposable<'_>, outputs: &Outputs) -> Result<Row> {
    let function = &outputs.service()?.task_api_function;
    let found = memory::of_function(local.folder(), function);
    let largest = found.iter().max().with_context(|| {
        format!("no process of {function} is found: its memory can be read on Linux only")
    })?;
    let what = format!("memory of task-api after {} requests (RSS)", traffic::REQUESTS);
    Ok(Row::megabytes(what, as_megabytes(*largest), MOST_MEMORY))
}

fn latencies(measured: &traffic::Latencies) -> Vec<Row> {
    let row = |(what, time): &(&str, Duration)| {
        let ratio = time.as_secs_f64() / measured.item.as_secs_f64();
        Row::shown(
            format!("{what}, median"),
            format!("{ratio:.1} × GetItem ({:.1} ms)", time.as_secs_f64() * 1e3),
        )
    };
    let calls = [
        ("one GetItem, no function", measured.item),
        ("GET /health", measured.health),
        ("GET /tasks/{id}", measured.get),
        ("GET /tasks?limit=20", measured.list),
        ("POST /tasks", measured.create),
    ];
    calls.iter().map(row).collect()
}

fn api_document(workspace: &Workspace) -> Result<Value> {
    let path = workspace.root().join("docs/openapi.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn loads(load: &load::Load) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, phase) in [("undisturbed", &load.undisturbed), ("with faults", &load.disturbed)] {
        rows.push(Row::shown(format!("load {name}: requests"), phase.requests().to_string()));
        rows.push(Row::shown(format!("load {name}: answers"), phase.by_answer()));
        let undocumented = phase.undocumented.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        rows.push(Row::none(
            format!("load {name}: undocumented answers"),
            phase.undocumented.len(),
            &undocumented,
        ));
    }
    rows.push(Row::none("load undisturbed: 5xx and broken connections", load.undisturbed.failed, ""));
    let struck = &load.disturbed.struck;
    rows.push(Row::shown(
        "load with faults: calls struck, of which each killed all processes of its function",
        format!("{}, {}", struck.calls, struck.kills),
    ));
    rows.push(Row::shown(
        "load: audit records, of which delivered again",
        format!("{}, {}", load.records, load.repeated),
    ));
    let first = load.disagreements.first().map(String::as_str).unwrap_or_default();
    rows.push(Row::none(
        "load: disagreements of clients, table and audit log",
        load.disagreements.len(),
        first,
    ));
    rows
}

fn teardown(run: &overhead::Overhead) -> Vec<Row> {
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let transitions = Row {
        must: format!("≤ {MOST_TRANSITIONS}"),
        missed: run.transitions > MOST_TRANSITIONS,
        ..Row::shown(
            format!(
                "teardown: transitions, deleting for {} s",
                run.of_wait(overhead::FOR_CLOUDFORMATION).on_aws.as_secs()
            ),
            run.transitions.to_string(),
        )
    };
    let drain = run.steps.get("Drain").copied().unwrap_or_default();
    let mut rows = vec![
        transitions,
        Row::shown("teardown: the steps' own time", seconds(run.stepping().saturating_sub(drain))),
        Row::shown("teardown: Drain (lets running requests end first)", seconds(drain)),
        Row::shown("teardown: between the steps", seconds(run.between())),
    ];
    rows.extend(run.waits.iter().map(|(name, wait)| {
        let figure = format!("{} × {} s = {}", wait.times, wait.seconds(), seconds(wait.on_aws));
        Row::shown(format!("teardown: {name}, on AWS"), figure)
    }));
    rows
}
