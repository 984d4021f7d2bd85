//! The cost of the teardown workflow itself: its transitions, and its time without its waits.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use deployment::Outputs;
use serde_json::{Value, json};

use crate::local::client::LocalAws;
use crate::tools::process::pause;
use crate::tools::workspace::Workspace;

/// The state that waits while `CloudFormation` works.
pub const FOR_CLOUDFORMATION: &str = "WaitDeleted";
/// Time runs this much faster: two minutes of `CloudFormation`'s work take twelve seconds, and so do eight waits of 15.
const FASTER: u32 = 10;
const DELETION: Duration = Duration::from_mins(2);
const ENDS_WITHIN: Duration = Duration::from_mins(5);

/// One run of the workflow, taken apart.
#[derive(Debug, Default, PartialEq)]
pub struct Overhead {
    pub transitions: usize,
    pub whole: Duration,
    /// The time in invocations of the step function, by state.
    pub steps: BTreeMap<String, Duration>,
    /// The waits, by state.
    pub waits: BTreeMap<String, Wait>,
}

/// A Wait state: how often, and how long altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wait {
    pub times: u32,
    pub here: Duration,
    pub on_aws: Duration,
}

impl Wait {
    /// Returns how long one of them is on AWS.
    pub fn seconds(&self) -> u64 {
        self.on_aws.as_secs() / u64::from(self.times.max(1))
    }
}

impl Overhead {
    pub fn stepping(&self) -> Duration {
        self.steps.values().sum()
    }

    pub fn of_wait(&self, state: &str) -> Wait {
        self.waits.get(state).copied().unwrap_or_default()
    }

    /// Returns the time that is neither a step nor a wait: Step Functions' own work.
    pub fn between(&self) -> Duration {
        let waiting: Duration = self.waits.values().map(|wait| wait.here).sum();
        self.whole.saturating_sub(self.stepping() + waiting)
    }
}

/// Tears the service down as if its deletion took two minutes.
pub fn measure(workspace: &Workspace, aws: &LocalAws, outputs: &Outputs) -> Result<Overhead> {
    let scale = json!({"stepfunctions._SFN_WAIT_SCALE": 1.0 / f64::from(FASTER)});
    aws.set("/_ministack/config", &scale)?;
    let held = json!({
        "service": "cloudformation-handler", "action": "AWS::CloudFormation::Stack", "match": "\"DELETE\"",
        "effect": {"delayMs": (DELETION / FASTER).as_millis()},
    });
    aws.set("/_local/faults", &held)?;
    let (machine, stack) = (outputs.state_machine()?, outputs.service_stack()?);
    let input = json!({"stack": stack, "confirm": stack}).to_string();
    let started = aws.json(
        "states",
        "AWSStepFunctions.StartExecution",
        &json!({"stateMachineArn": machine, "input": input}),
    )?;
    let execution = started["executionArn"].as_str().context("the execution has no ARN")?;
    succeeded(aws, execution)?;
    let definition = workspace.root().join("statemachine/teardown.asl.json");
    let definition =
        fs::read(&definition).with_context(|| format!("{} cannot be read", definition.display()))?;
    let definition: Value = serde_json::from_slice(&definition).context("the state machine is not JSON")?;
    taken_apart(&history(aws, execution)?, &definition)
}

fn succeeded(aws: &LocalAws, execution: &str) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < ENDS_WITHIN {
        let described =
            aws.json("states", "AWSStepFunctions.DescribeExecution", &json!({"executionArn": execution}))?;
        match described["status"].as_str() {
            Some("RUNNING") => pause(Duration::from_millis(200))?,
            Some("SUCCEEDED") => return Ok(()),
            other => bail!("the teardown ended {}: {}", other.unwrap_or("?"), described["cause"]),
        }
    }
    bail!("the teardown still runs after {} s", ENDS_WITHIN.as_secs())
}

fn history(aws: &LocalAws, execution: &str) -> Result<Vec<Value>> {
    let (mut events, mut next) = (Vec::new(), Value::Null);
    loop {
        let mut query = json!({"executionArn": execution, "maxResults": 1000});
        if !next.is_null() {
            query["nextToken"] = next;
        }
        let mut page = aws.json("states", "AWSStepFunctions.GetExecutionHistory", &query)?;
        events.extend(page["events"].as_array().into_iter().flatten().cloned());
        next = page["nextToken"].take();
        if next.is_null() {
            return Ok(events);
        }
    }
}

/// Reads an execution's history; `definition` says how long a wait is on AWS.
fn taken_apart(events: &[Value], definition: &Value) -> Result<Overhead> {
    let at = |event: &Value| event["timestamp"].as_f64().context("an event has no time");
    let (Some(first), Some(last)) = (events.first(), events.last()) else { bail!("the history is empty") };
    let mut run = Overhead { whole: between(at(first)?, at(last)?), ..Overhead::default() };
    let (mut state, mut entered, mut scheduled) = (String::new(), 0.0, None);
    for event in events {
        let (kind, now) = (event["type"].as_str().unwrap_or_default(), at(event)?);
        match kind {
            _ if kind.ends_with("StateEntered") => {
                run.transitions += 1;
                entered = now;
                event["stateEnteredEventDetails"]["name"].as_str().unwrap_or_default().clone_into(&mut state);
            }
            "TaskScheduled" => scheduled = Some(now),
            "TaskSucceeded" | "TaskFailed" | "TaskTimedOut" => {
                let began = scheduled.take().context("a task ended that had not begun")?;
                *run.steps.entry(state.clone()).or_default() += between(began, now);
            }
            "WaitStateExited" => {
                let definition = &definition["States"][&state];
                let here = between(entered, now);
                let on_aws = match first_pause(&definition["Seconds"]) {
                    Some(seconds) => Duration::from_secs(seconds),
                    None if definition["Timestamp"].is_string() => here * FASTER,
                    None => bail!("the wait {state} has neither Seconds nor a Timestamp"),
                };
                let wait = run.waits.entry(state.clone()).or_default();
                wait.times += 1;
                wait.here += here;
                wait.on_aws += on_aws;
            }
            _ => {}
        }
    }
    ensure!(run.transitions > 0, "the history shows no state");
    Ok(run)
}

/// Reads a wait's seconds: a number, or an expression that grows with the looks, `{% … ? first : later %}`. This run takes few.
fn first_pause(seconds: &Value) -> Option<u64> {
    let first = || seconds.as_str()?.split_once('?')?.1.split_whitespace().next()?.parse().ok();
    seconds.as_u64().or_else(first)
}

fn between(from: f64, to: f64) -> Duration {
    Duration::from_secs_f64((to - from).max(0.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{Wait, first_pause, taken_apart};

    #[test]
    fn a_run_is_taken_apart() {
        let entered = |kind: &str, name: &str, at: f64| json!({"type": kind, "timestamp": at, "stateEnteredEventDetails": {"name": name}});
        let plain = |kind: &str, at: f64| json!({"type": kind, "timestamp": at});
        let events = [
            plain("ExecutionStarted", 0.0),
            entered("TaskStateEntered", "Watch", 1.0),
            plain("TaskScheduled", 1.0),
            plain("TaskSucceeded", 1.5),
            entered("WaitStateEntered", "WaitDeleted", 2.0),
            plain("WaitStateExited", 3.5),
            entered("TaskStateEntered", "Watch", 3.5),
            plain("TaskScheduled", 3.5),
            plain("TaskSucceeded", 4.5),
            entered("WaitStateEntered", "WaitSettled", 4.5),
            plain("WaitStateExited", 4.75),
            plain("ExecutionSucceeded", 5.25),
        ];
        let definition = json!({"States": {
            "WaitDeleted": {"Seconds": "{% $x < 40 ? 15 : 60 %}"}, "WaitSettled": {"Timestamp": "{% $x %}"},
        }});
        let run = taken_apart(&events, &definition).expect("a run");
        assert_eq!(run.transitions, 4);
        assert_eq!(run.stepping(), Duration::from_millis(1500));
        let wait = Wait { times: 1, here: Duration::from_millis(1500), on_aws: Duration::from_secs(15) };
        assert_eq!(run.of_wait("WaitDeleted"), wait);
        assert_eq!(run.of_wait("WaitSettled").on_aws, Duration::from_millis(2_500));
        assert_eq!(run.between(), Duration::from_secs(2));
        taken_apart(&[], &definition).expect_err("no history");
        assert_eq!(first_pause(&json!(30)), Some(30));
        assert_eq!(first_pause(&json!("soon")), None);
    }
}
