//! Checks of what AWS says by itself: how executions ended, and a schedule's event.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::finding::Finding;
use super::made::Made;
use super::site::Site;
use super::stacks::{Roles, probe, role, stack};

const ENDED_WITHIN: Duration = Duration::from_mins(2);
/// The time that metrics may take.
const COUNTED_WITHIN: Duration = Duration::from_mins(20);
/// The event that the schedule of a check puts on the bus.
const EVENT: (&str, &str) = ("tasks.verify", "A schedule's event");

/// A machine of a check, whose executions all end alike.
struct Ending {
    name: &'static str,
    definition: Value,
    status: &'static str,
    metric: &'static str,
}

/// Returns the three ends that the workflow's alarms tell of.
fn endings() -> [Ending; 3] {
    // On the local AWS a hundredth of it.
    let waiting = json!({"Type": "Wait", "Seconds": 3_600, "End": true});
    [
        Ending {
            name: "fails",
            definition: json!({"StartAt": "A", "States": {"A": {"Type": "Fail"}}}),
            status: "FAILED",
            metric: "ExecutionsFailed",
        },
        Ending {
            name: "stopped",
            definition: json!({"StartAt": "A", "States": {"A": waiting}}),
            status: "ABORTED",
            metric: "ExecutionsAborted",
        },
        Ending {
            name: "late",
            definition: json!({"StartAt": "A", "States": {"A": waiting}, "TimeoutSeconds": 1}),
            status: "TIMED_OUT",
            metric: "ExecutionsTimedOut",
        },
    ]
}

/// Checks that CloudWatch counts a failed, a stopped and a late execution by its machine.
pub fn ends_are_counted(site: &Site<'_>) -> Result<Finding> {
    let nothing = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
    let role = role(site, "machines", &json!({"Service": "states.amazonaws.com"}), &nothing)?;
    site.patience.settle()?;
    let endings = endings();
    let machine = |ending: &Ending| {
        let properties = json!({"StateMachineName": probe(site, ending.name), "RoleArn": role,
            "DefinitionString": ending.definition.to_string()});
        (
            ending.name.to_owned(),
            json!({"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}),
        )
    };
    let resources: serde_json::Map<String, Value> = endings.iter().map(machine).collect();
    let (id, status) = stack(site, "machines", &Value::Object(resources), Roles::default())?;
    if status != "CREATE_COMPLETE" {
        return Ok(Finding::Skipped(format!("its machines could not be made: {status}")));
    }
    let machines = endings.each_ref().map(|ending| machine_arn(&id, &probe(site, ending.name)));
    for (ending, machine) in endings.iter().zip(&machines) {
        if let Some(seen) = end(site, machine, ending)? {
            return Ok(Finding::NotHeld(seen));
        }
    }
    if site.local() {
        return Ok(Finding::Skipped("the local AWS counts no executions".to_owned()));
    }
    let mut missing = Vec::new();
    let counted = site.patience.until(COUNTED_WITHIN, || {
        missing.clear();
        for (ending, machine) in endings.iter().zip(&machines) {
            if count(site, "AWS/States", ending.metric, &format!("Name=StateMachineArn,Value={machine}"))?
                < 1.0
            {
                missing.push(ending.metric);
            }
        }
        Ok(missing.is_empty().then_some(()))
    })?;
    Ok(match counted {
        Some(((), time)) => Finding::Held(format!("all three counted after {:.0} s", time.as_secs_f64())),
        None => Finding::NotHeld(format!("not counted within 20 minutes: {}", missing.join(", "))),
    })
}

/// Returns the ARN of a machine that a stack made.
fn machine_arn(stack_id: &str, name: &str) -> String {
    let place: Vec<&str> = stack_id.split(':').take(5).collect();
    format!("{}:stateMachine:{name}", place.join(":").replace(":cloudformation:", ":states:"))
}

/// Starts an execution and waits for its end; says what it was where it is another.
fn end(site: &Site<'_>, machine: &str, ending: &Ending) -> Result<Option<String>> {
    let started = site.aws.call(&["stepfunctions", "start-execution", "--state-machine-arn", machine])?;
    let execution = started["executionArn"].as_str().context("an execution has no ARN")?;
    site.made.add(Made::Execution(execution.to_owned()));
    if ending.status == "ABORTED" {
        site.aws.call(&["stepfunctions", "stop-execution", "--execution-arn", execution])?;
    }
    let mut status = String::new();
    site.patience.until(ENDED_WITHIN, || {
        let seen = site.aws.call(&["stepfunctions", "describe-execution", "--execution-arn", execution])?;
        seen["status"].as_str().unwrap_or_default().clone_into(&mut status);
        Ok((status != "RUNNING").then_some(()))
    })?;
    Ok((status != ending.status).then(|| format!("{execution} is {status}")))
}

/// Checks that a schedule puts an event on the default bus, as the notice of an expiry is put: by its parameters, with its input as the
/// detail, and with a role that may put no other.
pub fn schedule_is_heard(site: &Site<'_>) -> Result<Finding> {
    let (source, kind) = EVENT;
    let bus = format!("arn:{}:events:*:{}:event-bus/default", site.partition, site.account);
    let put = json!({"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus,
        "Condition": {"StringEquals": {"events:source": source, "events:detail-type": kind}}});
    let role = role(site, "schedule", &json!({"Service": "scheduler.amazonaws.com"}), &put)?;
    site.patience.settle()?;
    let heard = probe(site, "heard");
    let pattern = json!({"source": [source], "detail-type": [kind], "detail": {"stage": [site.stage]}});
    let bus =
        json!({"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"});
    let target = json!({"Arn": bus, "RoleArn": role, "Input": json!({"stage": site.stage}).to_string(),
        "EventBridgeParameters": {"Source": source, "DetailType": kind}});
    let resources = json!({
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"Name": heard, "EventPattern": pattern}},
        "Schedule": {"Type": "AWS::Scheduler::Schedule", "DependsOn": "Rule", "Properties": {
            "Name": probe(site, "schedule"), "ScheduleExpression": "rate(1 minutes)",
            "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}},
    });
    let (_, status) = stack(site, "schedule", &resources, Roles::default())?;
    if status != "CREATE_COMPLETE" {
        return Ok(Finding::NotHeld(format!("the schedule could not be made: {status}")));
    }
    if site.local() {
        return Ok(Finding::Skipped("the local AWS puts no schedule's event on a bus".to_owned()));
    }
    let dimension = format!("Name=RuleName,Value={heard}");
    let counted = site.patience.until(COUNTED_WITHIN, || {
        Ok((count(site, "AWS/Events", "TriggeredRules", &dimension)? >= 1.0).then_some(()))
    })?;
    Ok(match counted {
        Some(((), time)) => Finding::Held(format!("the rule counted it after {:.0} s", time.as_secs_f64())),
        None => Finding::NotHeld("no event of the schedule came within 20 minutes".to_owned()),
    })
}

/// Returns the sum of a metric over the last hour.
pub fn count(site: &Site<'_>, namespace: &str, metric: &str, dimension: &str) -> Result<f64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (from, to) = ((now - 3600).to_string(), (now + 60).to_string());
    let metric = ["--namespace", namespace, "--metric-name", metric, "--dimensions", dimension];
    let span = ["--start-time", &from, "--end-time", &to, "--period", "60", "--statistics", "Sum"];
    let read = site.aws.call(&[&["cloudwatch", "get-metric-statistics"], &metric[..], &span[..]].concat())?;
    Ok(read["Datapoints"].as_array().into_iter().flatten().filter_map(|point| point["Sum"].as_f64()).sum())
}

#[cfg(test)]
mod tests {
    use super::machine_arn;

    #[test]
    fn a_machine_is_where_its_stack_is() {
        let stack = "arn:aws:cloudformation:eu-west-1:123456789012:stack/tasks-v1-probe-machines/1234";
        let wanted = "arn:aws:states:eu-west-1:123456789012:stateMachine:tasks-v1-probe-fails";
        assert_eq!(machine_arn(stack, "tasks-v1-probe-fails"), wanted);
    }
}
