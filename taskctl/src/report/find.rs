//! How an execution ended: the report, from its output, its cause, or the report log group.

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;

use crate::{
    account::{clients::Aws, error::AwsError, execution::short},
    cli::{
        failure::{Exit, Failure},
        hint, request,
    },
    report::{Outcome, Report, SCHEMA},
    terminal::{clock::Millis, layout::one_line},
};

/// Before an execution began there is no report of it; clocks differ.
const SLACK: Millis = 60_000;

/// The report of an execution that has ended. `Err` when it still runs or cannot be asked.
pub async fn of(aws: &Aws, report_group: &str, execution: &str) -> Result<Report, Failure> {
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
    if described.status().as_str() == "RUNNING" {
        let name = short(execution);
        return Err(Failure::unproven(format!("{name} still runs, and has no report yet"))
            .next(hint::command(&format!("teardown watch {name}"))));
    }
    let told = Report::parse(told(&described));
    if let Some(report) = told.as_ref().filter(|report| !report.inventory.is_empty()) {
        return Ok(report.clone());
    }
    // A cause has room for 32 KB, so the inventory may stand in the log only.
    let since = described.start_date().to_millis().unwrap_or_default() - SLACK;
    let logged = logged(aws, report_group, Some(execution), since).await.ok().flatten();
    Ok(logged.or(told).unwrap_or_else(|| without_report(&described)))
}

/// The text that is the report, if there is one.
fn told(described: &DescribeExecutionOutput) -> &str {
    match described.status().as_str() {
        "SUCCEEDED" => described.output(),
        _ => described.cause(),
    }
    .unwrap_or_default()
}

fn without_report(described: &DescribeExecutionOutput) -> Report {
    let (error, cause) = (described.error().unwrap_or_default(), described.cause().unwrap_or_default());
    let (execution, input) = (described.execution_arn(), described.input().unwrap_or_default());
    // Never green: the execution is.
    let emergency =
        Report::emergency(execution, cause).filter(|report| report.outcome.exit() != Exit::Success);
    if let Some(report) = emergency.filter(|_| described.status().as_str() == "FAILED") {
        return report;
    }
    let again = format!("{} (it goes on where this one stopped)", hint::command(&request::again(input)));
    let reason = match described.status().as_str() {
        "ABORTED" => format!(
            "the execution was stopped: {}",
            one_line(if cause.is_empty() { "no reason given" } else { cause })
        ),
        "TIMED_OUT" => "the execution took longer than it may".to_owned(),
        "SUCCEEDED" => "the execution ended green without a report: nothing is proven".to_owned(),
        _ => one_line(&format!("{error}: {cause}")),
    };
    let outcome = match described.status().as_str() {
        "SUCCEEDED" => Outcome::Unproven,
        "FAILED" => Outcome::from_error(error),
        _ => Outcome::Failed,
    };
    Report { stack: request::stack(input), ..Report::made_up(execution, outcome, reason, again) }
}

/// The newest report in the log group: of one execution, or of any.
pub async fn logged(
    aws: &Aws,
    group: &str,
    execution: Option<&str>,
    since: Millis,
) -> Result<Option<Report>, Failure> {
    let (mut newest, mut token) = (None, None);
    loop {
        let page =
            aws.logs.filter_log_events().log_group_name(group).start_time(since.max(0)).set_next_token(token);
        // A quoted term is a substring; what it lets through is looked at below.
        let page = page.filter_pattern(format!("\"{}\"", execution.map_or(SCHEMA, short)));
        let page = match page.send().await.map_err(AwsError::from) {
            Ok(page) => page,
            Err(error) if error.is("ResourceNotFound") => return Ok(None),
            Err(error) => return Err(error.stop("reading the report log group")),
        };
        for event in page.events() {
            let report = Report::parse(event.message().unwrap_or_default());
            let report =
                report.filter(|report| execution.is_none() || report.execution.as_deref() == execution);
            let at = event.timestamp().unwrap_or_default();
            if let Some(report) = report.filter(|_| newest.as_ref().is_none_or(|(last, _)| at >= *last)) {
                newest = Some((at, report));
            }
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(newest.map(|(_, report)| report));
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::{
        operation::describe_execution::DescribeExecutionOutput, primitives::DateTime, types::ExecutionStatus,
    };

    use super::{told, without_report};
    use crate::report::{Outcome, samples::DELETED};

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
        let end = |status, error: &str, cause: &str| without_report(&described(status, error, cause));
        assert_eq!(end(ExecutionStatus::Succeeded, "", "").outcome, Outcome::Unproven);
        assert_eq!(end(ExecutionStatus::TimedOut, "", "").outcome, Outcome::Failed);
        assert_eq!(end(ExecutionStatus::Failed, "refused", "{cut").outcome, Outcome::Refused);
        let emergency =
            end(ExecutionStatus::Failed, "failed", r#"{"outcome":"failed","reason":"r","next":"n"}"#);
        assert_eq!((emergency.reason.as_deref(), emergency.next.as_deref()), (Some("r"), Some("n")));
        assert_eq!(end(ExecutionStatus::Failed, "x", r#"{"outcome":"deleted"}"#).outcome, Outcome::Failed);
        assert_eq!(end(ExecutionStatus::Failed, "States.Runtime", "x").outcome, Outcome::Failed);
        let stopped = end(ExecutionStatus::Aborted, "", "by alice");
        assert_eq!(stopped.reason.as_deref(), Some("the execution was stopped: by alice"));
        assert!(stopped.next.is_some_and(|next| next.contains("taskctl teardown start")));
    }
}
