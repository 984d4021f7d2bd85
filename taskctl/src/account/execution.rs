//! The executions of the teardown: their names, and how one is found, started and stopped.

use std::cmp::Reverse;

use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};

use contract::Request;

use crate::{
    account::{
        clients::Aws,
        error::{AwsError, Kind},
        workflow::{self, Workflow},
    },
    cli::{failure::Failure, hint},
    terminal::clock::{self, Millis},
};

/// Returns a new execution's name. Because it is chosen here, `StartExecution` can be repeated: the same name with the same
/// input starts nothing a second time.
fn name(now: Millis, random: [u8; 4]) -> String {
    format!("taskctl-{}-{:08x}", clock::compact(now), u32::from_be_bytes(random))
}

/// Returns `arn:…:execution:NAME:EXECUTION` for `arn:…:stateMachine:NAME` and an execution's name.
fn arn_of(machine: &str, name: &str) -> Option<String> {
    let (before, machine) = machine.split_once(":stateMachine:")?;
    Some(format!("{before}:execution:{machine}:{name}"))
}

/// Returns an execution's name, the last part of its ARN.
pub fn short(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// Starts an execution of the workflow, exactly once even if the request is repeated, and returns its ARN.
pub async fn begin(aws: &Aws, workflow: &Workflow, request: &Request) -> Result<String, Failure> {
    begin_at(aws, workflow, &workflow.state_machine, request).await
}

/// Starts a dry run, of the machine that can do nothing else where there is one.
pub async fn begin_plan(aws: &Aws, workflow: &Workflow, request: &Request) -> Result<String, Failure> {
    begin_at(aws, workflow, workflow.planner(), request).await
}

async fn begin_at(
    aws: &Aws,
    workflow: &Workflow,
    machine: &str,
    request: &Request,
) -> Result<String, Failure> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| Failure::failed(format!("no random number: {error}")))?;
    let name = name(clock::now(), random);
    let input = serde_json::to_string(request).unwrap_or_default();
    let start = aws.sfn.start_execution().state_machine_arn(machine).name(&name);
    let error = match start.input(input).send().await {
        Ok(started) => return Ok(started.execution_arn),
        Err(error) => AwsError::from(error),
    };
    // No one else uses this name: an earlier try went through, and its execution has ended already.
    if error.is("ExecutionAlreadyExists") {
        let arn = arn_of(machine, &name);
        return arn.ok_or_else(|| error.stop("starting the execution"));
    }
    if error.is("StateMachineDoesNotExist") {
        return Err(workflow::missing(aws, &workflow.teardown_stack));
    }
    let failure = error.stop("starting the execution");
    if error.kind == Kind::Unanswered {
        // A name alone means one of the workflow's executions.
        let arn = arn_of(machine, &name).filter(|_| machine != workflow.state_machine);
        let maybe = hint::command(&format!("teardown watch {}", arn.unwrap_or(name)));
        return Err(failure.next(format!("it may have begun all the same; see: {maybe}")));
    }
    Err(failure)
}

/// Stops an execution that runs.
pub async fn stop(aws: &Aws, execution: &str) -> Result<(), AwsError> {
    let described = aws.sfn.describe_execution().execution_arn(execution).send().await?;
    if *described.status() != ExecutionStatus::Running {
        let message = format!("it has ended: {}", described.status().as_str());
        return Err(AwsError { kind: Kind::Answered, code: "NotRunning".to_owned(), message });
    }
    let stop = aws.sfn.stop_execution().execution_arn(execution).error("Stopped");
    stop.cause("stopped by a person with taskctl").send().await?;
    Ok(())
}

impl Workflow {
    /// Returns the ARN of an execution that is named; without a name that of the newest one, or the newest that runs.
    pub async fn execution(&self, aws: &Aws, named: Option<&str>, running: bool) -> Result<String, Failure> {
        if let Some(name) = named {
            return arn(&self.state_machine, name).ok_or_else(|| {
                Failure::usage(format!("{name:?} is neither an execution's name nor its ARN"))
            });
        }
        let status = running.then_some(ExecutionStatus::Running);
        match list(aws, self, &self.state_machine, status).await?.first() {
            Some(newest) => Ok(newest.execution_arn().to_owned()),
            None if running => {
                Err(Failure::refused("no execution is running").next(hint::command("teardown report")))
            }
            None => {
                Err(Failure::refused("there has been no execution yet").next(hint::command("teardown plan")))
            }
        }
    }
}

/// Returns the ARN of the execution that a person names, by its name or its ARN.
fn arn(machine: &str, name: &str) -> Option<String> {
    if name.starts_with("arn:") {
        return name.contains(":execution:").then(|| name.to_owned());
    }
    let plain = !name.is_empty() && !name.contains([':', '/', ' ']);
    plain.then(|| arn_of(machine, name)).flatten()
}

/// Returns the first page of a machine's executions, the last one started first. (AWS sorts those that have ended by their end.)
pub async fn list(
    aws: &Aws,
    workflow: &Workflow,
    machine: &str,
    status: Option<ExecutionStatus>,
) -> Result<Vec<ExecutionListItem>, Failure> {
    let list = aws.sfn.list_executions().state_machine_arn(machine).set_status_filter(status);
    match list.send().await.map_err(AwsError::from) {
        Ok(answer) => {
            let mut all = answer.executions;
            all.sort_by_key(|execution| Reverse(execution.start_date().as_nanos()));
            Ok(all)
        }
        Err(error) if error.is("StateMachineDoesNotExist") => {
            Err(workflow::missing(aws, &workflow.teardown_stack))
        }
        Err(error) => Err(error.stop("listing the executions")),
    }
}

#[cfg(test)]
mod tests {
    use super::{arn, arn_of, name, short};

    const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:tasks-teardown";

    #[test]
    fn an_execution_has_a_name_or_an_arn() {
        let expected = "arn:aws:states:eu-west-1:123456789012:execution:tasks-teardown:x";
        assert_eq!(arn(MACHINE, "x").as_deref(), Some(expected));
        assert_eq!(arn(MACHINE, expected).as_deref(), Some(expected));
        for wrong in ["", "a b", "a:b", MACHINE] {
            assert_eq!(arn(MACHINE, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_and_arns_belong_together() {
        let name = name(1_795_448_600_123, [0, 1, 0xab, 0xff]);
        assert_eq!(name, "taskctl-20261123T154320Z-0001abff");
        let arn = arn_of(MACHINE, &name).expect("an ARN");
        assert_eq!(arn, format!("arn:aws:states:eu-west-1:123456789012:execution:tasks-teardown:{name}"));
        assert_eq!(short(&arn), name);
        assert_eq!(arn_of("nonsense", "x"), None);
    }
}
