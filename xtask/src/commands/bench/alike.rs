//! The services that are compared do the same: what one writes, each of them reads, lists, changes and deletes alike.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::commands::bench::calls;
use crate::commands::bench::candidate::Candidate;
use crate::commands::bench::instance::Instance;
use crate::commands::bench::table::Table;

/// The owner of the tasks; nobody else uses it, so that a list has only them.
const OWNER: &str = "team-alike";
/// The members of a task.
const MEMBERS: usize = 12;

/// A running service.
struct Service {
    name: &'static str,
    instance: Instance,
}

/// Lets each service create a task, the next one change it and the one after that delete it, and compares what all say of it.
pub fn check(candidates: &[Candidate], table: &Path) -> Result<()> {
    let table = &Table::start(table, None)?;
    let start = |candidate: &Candidate| Service::start(candidate, table);
    let mut services = candidates.iter().map(start).collect::<Result<Vec<_>>>()?;
    for first in 0..services.len() {
        let by = |after: usize| (first + after) % candidates.len();
        let created = services[by(0)].call("POST", "/tasks", "", Some(draft()), 201)?;
        holds(&created, 1, "Buy the milk")?;
        agree(&mut services, &created)?;
        let path = path(&created)?;
        services[by(0)].call("POST", "/tasks", "", Some(json!({"title": " "})), 400)?;
        let changed = services[by(1)].call("PUT", &path, "", Some(change()), 200)?;
        holds(&changed, 2, "Buy the bread")?;
        agree(&mut services, &changed)?;
        services[by(2)].call("DELETE", &path, "", None, 204)?;
        for service in &mut services {
            service.call("GET", &path, "", None, 404)?;
            service.call("PUT", &path, "", Some(change()), 404)?;
            service.call("DELETE", &path, "", None, 404)?;
        }
    }
    Ok(())
}

/// Fails unless every service reads the task as `said`, and lists it as the only one.
fn agree(services: &mut [Service], said: &Value) -> Result<()> {
    let path = path(said)?;
    for service in services {
        let read = service.call("GET", &path, "", None, 200)?;
        ensure!(read == *said, "{} reads {read}, where {said} was answered", service.name);
        let listed = service.call("GET", "/tasks", "100", None, 200)?;
        ensure!(listed["items"] == json!([said]), "{} lists {listed}, and not {said}", service.name);
    }
    Ok(())
}

/// Fails unless a task has all members, and what it was given.
fn holds(task: &Value, version: u64, title: &str) -> Result<()> {
    let members = task.as_object().map_or(0, serde_json::Map::len);
    let given = task["version"] == version
        && task["title"] == title
        && task["dueAt"] == "2061-01-31T12:00:00.000Z"
        && task["createdBy"] == "alice";
    ensure!(members == MEMBERS && given, "a task was answered with {task}");
    Ok(())
}

fn path(task: &Value) -> Result<String> {
    Ok(format!("/tasks/{}", task["id"].as_str().context("a task has no id")?))
}

/// Returns a task of which a service has to trim and convert something.
fn draft() -> Value {
    json!({
        "title": "  Buy the milk ", "description": "Zwei Flaschen für die 猫.", "priority": "HIGH", "assignee": "a#b%",
        "dueAt": "2061-01-31T13:00:00+01:00",
    })
}

fn change() -> Value {
    json!({"title": "Buy the bread", "status": "COMPLETED", "assignee": null})
}

impl Service {
    fn start(candidate: &Candidate, table: &Table) -> Result<Self> {
        let (name, mut instance) = (candidate.name, candidate.start(table)?);
        instance.ready().with_context(|| format!("{name} does not start"))?;
        Ok(Self { name, instance })
    }

    /// Makes a call, and returns the body of its answer.
    fn call(
        &mut self,
        method: &str,
        path: &str,
        limit: &str,
        body: Option<Value>,
        status: u16,
    ) -> Result<Value> {
        let event = calls::event(OWNER, method, path, limit, body).to_string();
        let answer =
            self.instance.invoke(&event).with_context(|| format!("{}: {method} {path}", self.name))?;
        let answer: Value = serde_json::from_str(&answer.body).context("an answer is not JSON")?;
        ensure!(answer["statusCode"] == status, "{}: {method} {path} was answered {answer}", self.name);
        match answer["body"].as_str() {
            Some(body) if !body.is_empty() => serde_json::from_str(body).context("a body is not JSON"),
            _ => Ok(Value::Null),
        }
    }
}
