//! The places where the report of an execution is looked for: its output, its cause, and the report log group.

use aws_sdk_sfn::{operation::describe_execution::DescribeExecutionOutput, types::ExecutionStatus};
use contract::{Outcome, SCHEMA, parts::Parts};

use crate::{
    account::{clients::Aws, error::AwsError, execution::short},
    cli::{failure::Failure, hint, request},
    report::Written,
    terminal::{clock::Millis, layout::one_line},
};

/// Before an execution began there is no report of it; clocks differ.
const SLACK: Millis = 60_000;

/// Returns the report of an execution that has ended. `Err` when it still runs or cannot be asked.
pub async fn of(aws: &Aws, report_group: &str, execution: &str) -> Result<Written, Failure> {
    let described = aws.sfn.describe_execution().execution_arn(execution).send().await;
    let described = match described.map_err(AwsError::from) {
        Ok(described) => described,
        // Its machine is gone (`finish`); the report log group stays.
        Err(error) if error.is("ExecutionDoesNotExist") => {
            return logged(aws, report_group, Some(execution), 0).await?.ok_or_else(|| {
                Failure::failed(format!(
                    "there is no execution {execution}, and no report of one in {report_group}"
                ))
                .next(hint::command("teardown report"))
            });
        }
        Err(error) => return Err(error.stop("asking for the execution")),
    };
    if *described.status() == ExecutionStatus::Running {
        let name = short(execution);
        return Err(Failure::unproven(format!("{name} still runs, and has no report yet"))
            .next(hint::command(&format!("teardown watch {name}"))));
    }
    let told = Written::parse(told(&described));
    if let Some(whole) = told.as_ref().filter(|told| !told.report.inventory.is_empty()) {
        return Ok(whole.clone());
    }
    // An end has room for a brief report: the whole stands in the log.
    let since = described.start_date().to_millis().unwrap_or_default() - SLACK;
    let logged = logged(aws, report_group, Some(execution), since).await.ok().flatten();
    Ok(logged.or(told).unwrap_or_else(|| without_report(&described)))
}

/// Returns the text that is the report, if there is one.
fn told(described: &DescribeExecutionOutput) -> &str {
    let told = match described.status() {
        ExecutionStatus::Succeeded => described.output(),
        _ => described.cause(),
    };
    told.unwrap_or_default()
}

/// Says what is known of an execution that has ended and left no report.
fn without_report(described: &DescribeExecutionOutput) -> Written {
    let (error, cause) = (described.error().unwrap_or_default(), described.cause().unwrap_or_default());
    let (execution, input) = (described.execution_arn(), described.input().unwrap_or_default());
    let (outcome, reason) = match described.status() {
        ExecutionStatus::Succeeded => {
            let reason = "the execution ended green without a report: nothing is proven";
            (Outcome::Unproven, reason.to_owned())
        }
        ExecutionStatus::Failed => {
            // The execution is red, so an outcome that is green is not its own.
            let emergency = Written::emergency(execution, cause);
            if let Some(emergency) = emergency.filter(|written| !written.report.outcome.is_green()) {
                return emergency;
            }
            // The execution's error is its outcome, or that of the step that failed.
            let outcome = Outcome::parse(&error.to_ascii_lowercase()).filter(|outcome| !outcome.is_green());
            (outcome.unwrap_or_default(), one_line(&format!("{error}: {cause}")))
        }
        ExecutionStatus::Aborted => {
            let cause = one_line(if cause.is_empty() { "no reason given" } else { cause });
            (Outcome::Failed, format!("the execution was stopped: {cause}"))
        }
        ExecutionStatus::TimedOut => (Outcome::Failed, "the execution took longer than it may".to_owned()),
        _ => (Outcome::Failed, one_line(&format!("{error}: {cause}"))),
    };
    let again = format!("{} (it goes on where this one stopped)", hint::command(&request::again(input)));
    Written::made_up(execution, request::stack(input), outcome, reason, again)
}

/// Returns the newest report in the log group: of one execution, or of any.
pub async fn logged(
    aws: &Aws,
    group: &str,
    execution: Option<&str>,
    since: Millis,
) -> Result<Option<Written>, Failure> {
    newest(aws, group, execution, since, Written::parse).await
}

/// Returns the plan with which an execution waits for approval.
pub async fn plan(
    aws: &Aws,
    group: &str,
    execution: &str,
    since: Millis,
) -> Result<Option<Written>, Failure> {
    newest(aws, group, Some(execution), since, Written::plan).await
}

async fn newest(
    aws: &Aws,
    group: &str,
    execution: Option<&str>,
    since: Millis,
    parse: fn(&str) -> Option<Written>,
) -> Result<Option<Written>, Failure> {
    let (mut newest, mut token, mut parts) = (None, None, Parts::default());
    loop {
        let page =
            aws.logs.filter_log_events().log_group_name(group).start_time(since.max(0)).set_next_token(token);
        // A quoted term matches any part of a line, so each report is checked for its execution.
        let page = page.filter_pattern(format!("\"{}\"", execution.map_or(SCHEMA, short)));
        let page = match page.send().await.map_err(AwsError::from) {
            Ok(page) => page,
            Err(error) if error.is("ResourceNotFound") => return Ok(None),
            Err(error) => return Err(error.stop("reading the report log group")),
        };
        for event in page.events() {
            let written = parts.take(event.message().unwrap_or_default()).and_then(|text| parse(&text));
            let written =
                written.filter(|written| execution.is_none_or(|arn| written.report.execution == arn));
            let at = event.timestamp().unwrap_or_default();
            if let Some(written) = written.filter(|_| newest.as_ref().is_none_or(|(last, _)| at >= *last)) {
                newest = Some((at, written));
            }
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(newest.map(|(_, written)| written));
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::{
        operation::describe_execution::DescribeExecutionOutput, primitives::DateTime, types::ExecutionStatus,
    };

    use contract::Outcome;

    use super::{told, without_report};
    use crate::report::samples::DELETED;

    fn described(status: ExecutionStatus, error: &str, cause: &str) -> DescribeExecutionOutput {
        let execution =
            DescribeExecutionOutput::builder().execution_arn("arn:x:execution:m:e").state_machine_arn("m");
        let execution = execution.status(status).start_date(DateTime::from_secs(1)).output(DELETED);
        execution.error(error).cause(cause).build().expect("complete")
    }

    #[test]
    fn the_report_stands_in_the_output_or_the_cause() {
        assert_eq!(told(&described(ExecutionStatus::Succeeded, "", "")), DELETED);
        assert_eq!(told(&described(ExecutionStatus::Failed, "failed", "C")), "C");
    }

    #[test]
    fn an_execution_without_a_report_is_never_green() {
        let end = |status, error: &str, cause: &str| without_report(&described(status, error, cause)).report;
        assert_eq!(end(ExecutionStatus::Succeeded, "", "").outcome, Outcome::Unproven);
        assert_eq!(end(ExecutionStatus::TimedOut, "", "").outcome, Outcome::Failed);
        assert_eq!(end(ExecutionStatus::Failed, "refused", "{cut").outcome, Outcome::Refused);
        let emergency =
            end(ExecutionStatus::Failed, "failed", r#"{"outcome":"failed","reason":"r","next":"n"}"#);
        assert_eq!((emergency.reason.as_deref(), emergency.next.as_str()), (Some("r"), "n"));
        assert_eq!(end(ExecutionStatus::Failed, "x", r#"{"outcome":"deleted"}"#).outcome, Outcome::Failed);
        assert_eq!(end(ExecutionStatus::Failed, "States.Runtime", "x").outcome, Outcome::Failed);
        let stopped = end(ExecutionStatus::Aborted, "", "by alice");
        assert_eq!(stopped.reason.as_deref(), Some("the execution was stopped: by alice"));
        assert!(stopped.next.contains("taskctl teardown start"), "{stopped:?}");
    }
}
