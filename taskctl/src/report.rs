//! How an execution ended: the report, from its output, its cause, or the report log group.

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::Aws,
    aws_error::AwsError,
    clock::{self, Millis},
    failure::{Exit, Failure},
    hint,
    render::{count, one_line, table},
    request::{self, execution_short},
    screen::{Colour, Paint},
};

const SCHEMA: &str = "task.teardown/1";
/// Before an execution began there is no report of it; clocks differ.
const SLACK: Millis = 60_000;

/// What the workflow says at its end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    pub schema: String,
    pub execution: Option<String>,
    pub stack: Option<String>,
    pub stack_id: Option<String>,
    pub outcome: Outcome,
    pub reason: Option<String>,
    pub next: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub inventory: Vec<Entry>,
    pub kept: Vec<Noted>,
    pub unproven: Vec<Noted>,
    /// What stands in the way without a consent, or altogether.
    pub blockers: Vec<String>,
    pub plan_hash: Option<String>,
    /// As it was written, for programs.
    #[serde(skip)]
    pub raw: Value,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Planned,
    Deleted,
    NothingToDo,
    Refused,
    Unproven,
    /// Also an outcome that this version does not know: never taken for a success.
    #[default]
    #[serde(other)]
    Failed,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    #[serde(rename = "type")]
    pub kind: String,
    pub logical_id: String,
    pub physical_id: String,
    pub fate: String,
    pub why: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Noted {
    pub what: String,
    pub why: String,
}

impl Outcome {
    pub fn exit(self) -> Exit {
        match self {
            Self::Planned | Self::Deleted | Self::NothingToDo => Exit::Success,
            Self::Refused => Exit::Refused,
            Self::Failed => Exit::Failed,
            Self::Unproven => Exit::Unproven,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Deleted => "deleted",
            Self::NothingToDo => "nothing to do",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unproven => "unproven",
        }
    }

    /// An execution's error is its outcome's name.
    fn from_error(error: &str) -> Self {
        match error.to_ascii_lowercase().as_str() {
            "refused" => Self::Refused,
            "unproven" => Self::Unproven,
            _ => Self::Failed,
        }
    }
}

impl Report {
    /// `None` when the text is not a report.
    pub fn parse(text: &str) -> Option<Self> {
        let raw: Value = serde_json::from_str(text).ok()?;
        let report = Self { raw: raw.clone(), ..Self::deserialize(raw).ok()? };
        (report.schema == SCHEMA).then_some(report)
    }

    /// What the state machine says by itself when even reporting failed.
    fn emergency(execution: &str, cause: &str) -> Option<Self> {
        let raw: Value = serde_json::from_str(cause).ok()?;
        raw.get("outcome")?.as_str()?;
        let execution = Some(execution.to_owned());
        Some(Self { raw: raw.clone(), execution, ..Self::deserialize(raw).ok()? })
    }

    /// For an execution that left none: stopped, timed out, or failed before it could report.
    fn made_up(execution: &str, outcome: Outcome, reason: String, next: String) -> Self {
        let raw = json!({
            "schema": SCHEMA, "execution": execution, "outcome": outcome.words(), "reason": reason, "next": next,
        });
        let (execution, reason, next) = (Some(execution.to_owned()), Some(reason), Some(next));
        Self { schema: SCHEMA.to_owned(), execution, outcome, reason, next, raw, ..Self::default() }
    }
}

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
        let name = execution_short(execution);
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
        let page = page.filter_pattern(format!("\"{}\"", execution.map_or(SCHEMA, execution_short)));
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

/// The report for people.
pub fn text(report: &Report, paint: Paint, width: Option<usize>) -> String {
    let mut lines = vec![heading(report, paint)];
    let mut fact = |name: &str, value: Option<&str>| {
        lines.extend(
            value.filter(|value| !value.is_empty()).map(|value| format!("  {name:<11}{}", one_line(value))),
        );
    };
    fact("reason", report.reason.as_deref().map(with_flag).as_deref());
    fact("stack", report.stack_id.as_deref());
    fact("execution", report.execution.as_deref());
    fact("time", time(report).as_deref());
    fact("inventory", Some(fates(&report.inventory)).as_deref());
    let left = |fate: &str| {
        report.inventory.iter().filter(|entry| entry.fate == fate).map(Entry::row).collect::<Vec<_>>()
    };
    section(&mut lines, paint, "Still there", &left("present"), width);
    section(&mut lines, paint, "Unproven", &rows(&report.unproven), width);
    section(&mut lines, paint, "Kept on purpose", &rows(&report.kept), width);
    lines.extend(
        report.next.as_ref().filter(|next| !next.is_empty()).map(|next| format!("\nnext: {}", here(next))),
    );
    lines.join("\n")
}

fn heading(report: &Report, paint: Paint) -> String {
    let colour = match report.outcome.exit() {
        Exit::Success => Colour::Green,
        _ => Colour::Red,
    };
    let stack = report.stack.as_deref().unwrap_or("teardown");
    format!("{}: {}", paint.text(Colour::Bold, stack), paint.text(colour, report.outcome.words()))
}

fn time(report: &Report) -> Option<String> {
    let (start, end) = (report.started_at.as_deref()?, report.finished_at.as_deref()?);
    let lasted = clock::parse_date_time(start).zip(clock::parse_date_time(end));
    let lasted =
        lasted.map(|(start, end)| format!(" ({})", clock::duration(end - start))).unwrap_or_default();
    Some(format!("{start} to {end}{lasted}"))
}

/// `66 entries: 60 absent, 6 kept`
fn fates(inventory: &[Entry]) -> String {
    let fates = ["delete", "keep", "absent", "kept", "present", "unproven"]
        .map(|fate| (fate, inventory.iter().filter(|entry| entry.fate == fate).count()));
    let parts: Vec<String> =
        fates.iter().filter(|(_, count)| *count > 0).map(|(fate, count)| format!("{count} {fate}")).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("{}: {}", count(inventory.len(), "entry"), parts.join(", "))
    }
}

impl Entry {
    fn row(&self) -> Vec<String> {
        let name = if self.logical_id.is_empty() { &self.physical_id } else { &self.logical_id };
        vec![self.kind.clone(), name.clone(), one_line(&self.why)]
    }
}

fn rows(noted: &[Noted]) -> Vec<Vec<String>> {
    noted.iter().map(|noted| vec![noted.what.clone(), one_line(&noted.why)]).collect()
}

/// A titled table, or nothing.
pub fn section(
    lines: &mut Vec<String>,
    paint: Paint,
    title: &str,
    rows: &[Vec<String>],
    width: Option<usize>,
) {
    if !rows.is_empty() {
        lines.push(format!("\n{}", paint.text(Colour::Bold, title)));
        lines.push(table(rows, "  ", width));
    }
}

/// The workflow does not know from where it is asked: its commands get this call's "where".
fn here(next: &str) -> String {
    one_line(next).replace("taskctl ", &hint::command(""))
}

const FLAGS: [(&str, &str); 4] = [
    ("overrideTerminationProtection", "--override-termination-protection"),
    ("overrideLogProtection", "--override-log-protection"),
    ("deleteData", "--delete-data"),
    ("emptyBuckets", "--empty-buckets"),
];

/// The workflow names a consent as its input does; people give it as a flag.
fn with_flag(text: &str) -> String {
    FLAGS.iter().fold(one_line(text), |text, (field, flag)| text.replace(field, flag))
}

/// The flags that answer all blockers; `None` when a consent does not do.
fn consents(blockers: &[String]) -> Option<String> {
    let answers = |blocker: &String| FLAGS.iter().any(|(field, _)| blocker.contains(field));
    let asked = |field: &str| blockers.iter().any(|blocker| blocker.contains(field));
    let flags = FLAGS.iter().filter(|(field, _)| asked(field)).map(|(_, flag)| format!(" {flag}"));
    blockers.iter().all(answers).then(|| flags.collect())
}

/// Type, name in the template, name in AWS; and why, where that tells something. By type.
fn doomed(report: &Report) -> Vec<Vec<String>> {
    let mut entries: Vec<&Entry> = report.inventory.iter().filter(|entry| entry.fate == "delete").collect();
    entries.sort_by_key(|entry| (&entry.kind, &entry.logical_id));
    let told = entries.windows(2).any(|pair| pair[0].why != pair[1].why);
    let row = |entry: &&Entry| {
        let why = if told { one_line(&entry.why) } else { String::new() };
        vec![entry.kind.clone(), entry.logical_id.clone(), entry.physical_id.clone(), why]
    };
    entries.iter().map(row).collect()
}

/// Type, name and why.
fn staying(report: &Report) -> Vec<Vec<String>> {
    let entries: Vec<&Entry> = report.inventory.iter().filter(|entry| entry.fate == "keep").collect();
    let known = |noted: &&Noted| !entries.iter().any(|entry| noted.what.ends_with(&entry.physical_id));
    let noted = report
        .kept
        .iter()
        .filter(known)
        .map(|noted| vec![String::new(), noted.what.clone(), one_line(&noted.why)]);
    let rows =
        entries.iter().map(|entry| vec![entry.kind.clone(), entry.physical_id.clone(), one_line(&entry.why)]);
    rows.chain(noted).collect()
}

/// The plan for people: what goes, what stays and why, what has to be consented to, and the next command.
pub fn plan_text(report: &Report, start: &str, paint: Paint, width: Option<usize>) -> String {
    let stack = report.stack.as_deref().unwrap_or("the stack");
    let intro = format!(
        "The teardown of {} would do this. Nothing has been changed.",
        paint.text(Colour::Bold, stack)
    );
    let (goes, kept) = (doomed(report), staying(report));
    let mut lines = vec![intro];
    section(&mut lines, paint, &format!("Removed ({})", goes.len()), &goes, width);
    section(&mut lines, paint, &format!("Kept ({})", kept.len()), &kept, width);
    let blockers: Vec<Vec<String>> = report.blockers.iter().map(|blocker| vec![with_flag(blocker)]).collect();
    section(&mut lines, paint, "Needed before it can start", &blockers, None);
    if report.blockers.is_empty() {
        lines.push("\nNo further consent is needed.".to_owned());
    }
    let hash = report.plan_hash.as_deref();
    lines.extend(hash.map(|hash| format!("\nplan hash: {hash}")));
    let exactly = hash.map(|hash| format!(" --plan-hash {hash}")).unwrap_or_default();
    lines.push(match consents(&report.blockers) {
        Some(flags) if flags.is_empty() => format!("next: {start}{exactly}"),
        Some(flags) => format!("next, if you consent: {start}{flags}{exactly}"),
        None => format!(
            "next: remove what stands in the way, then: {}",
            hint::command(&format!("teardown plan {stack}"))
        ),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::{
        operation::describe_execution::DescribeExecutionOutput, primitives::DateTime, types::ExecutionStatus,
    };

    use super::{Outcome, Report, consents, fates, plan_text, text, told, without_report};
    use crate::{failure::Exit, screen::Paint};

    const DELETED: &str = r#"{"schema":"task.teardown/1","execution":"arn:E","stack":"tasks-dev","stackId":"arn:S",
        "outcome":"deleted","reason":null,"startedAt":"2026-11-23T15:43:20.5Z","finishedAt":"2026-11-23T15:45:25Z",
        "states":["x",{"state":"resolve"}],"inventory":[
        {"type":"AWS::DynamoDB::Table","logicalId":"Table","physicalId":"t","fate":"absent","why":"not found"},
        {"type":"AWS::Logs::LogGroup","logicalId":"","physicalId":"/tasks/dev/audit","fate":"kept","why":"asked for"}],
        "kept":[{"what":"/tasks/dev/audit","why":"the audit log"}],"unproven":[],"inventoryHash":"i","planHash":"p","new":1}"#;

    fn described(status: ExecutionStatus, error: &str, cause: &str) -> DescribeExecutionOutput {
        let execution =
            DescribeExecutionOutput::builder().execution_arn("arn:x:execution:m:e").state_machine_arn("m");
        let execution = execution.status(status).start_date(DateTime::from_secs(1)).output(DELETED);
        execution.error(error).cause(cause).build().expect("complete")
    }

    #[test]
    fn a_report_is_told() {
        let report = Report::parse(DELETED).expect("a report");
        let expected = "\
tasks-dev: deleted
  stack      arn:S
  execution  arn:E
  time       2026-11-23T15:43:20.5Z to 2026-11-23T15:45:25Z (2 min 4 s)
  inventory  2 entries: 1 absent, 1 kept

Kept on purpose
  /tasks/dev/audit  the audit log";
        assert_eq!(text(&report, Paint::NONE, None), expected);
    }

    #[test]
    fn what_is_left_stands_before_what_is_kept() {
        let json = DELETED
            .replace("\"fate\":\"absent\"", "\"fate\":\"present\"")
            .replace("\"deleted\"", "\"unproven\"");
        let json = json.replace(
            "\"unproven\":[]",
            r#""unproven":[{"what":"bucket","why":"AccessDenied"}],"next":"do x""#,
        );
        let told = text(&Report::parse(&json).expect("a report"), Paint::NONE, None);
        let order: Vec<usize> =
            ["tasks-dev: unproven", "Still there", "Unproven\n  bucket  AccessDenied", "Kept", "next: do x"]
                .iter()
                .map(|part| told.find(part).unwrap_or_else(|| panic!("{part} in {told}")))
                .collect();
        assert!(order.is_sorted(), "{told}");
    }

    #[test]
    fn each_outcome_has_its_exit_code() {
        let exit = |outcome: &str| {
            Report::parse(&DELETED.replace("\"deleted\"", &format!("\"{outcome}\"")))
                .expect("a report")
                .outcome
                .exit()
        };
        for green in ["planned", "deleted", "nothing-to-do"] {
            assert_eq!(exit(green), Exit::Success);
        }
        assert_eq!(exit("refused"), Exit::Refused);
        assert_eq!(exit("failed"), Exit::Failed);
        assert_eq!(exit("unproven"), Exit::Unproven);
        assert_eq!(exit("something-new"), Exit::Failed);
    }

    #[test]
    fn other_text_is_no_report() {
        for other in
            ["", "null", "{}", r#"{"schema":"task.audit/1"}"#, r#"{"outcome":"deleted"}"#, &DELETED[..300]]
        {
            assert!(Report::parse(other).is_none(), "{other}");
        }
        let missing = Report::parse(r#"{"schema":"task.teardown/1"}"#).expect("a report");
        assert_eq!(missing.outcome, Outcome::Failed, "no outcome is no success");
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

    #[test]
    fn what_no_consent_answers_has_no_flags() {
        let consents =
            |blockers: &[&str]| consents(&blockers.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(consents(&[]).as_deref(), Some(""));
        assert_eq!(consents(&["x: consent with deleteData"]).as_deref(), Some(" --delete-data"));
        let protected = "the log group g has deletion protection: consent with overrideLogProtection";
        assert_eq!(consents(&[protected]).as_deref(), Some(" --override-log-protection"));
        assert_eq!(consents(&["x: consent with deleteData", "the export e is in use"]), None);
    }

    #[test]
    fn a_plan_says_what_goes_what_stays_and_what_is_needed() {
        let json = DELETED
            .replace("\"fate\":\"absent\"", "\"fate\":\"delete\"")
            .replace("\"fate\":\"kept\"", "\"fate\":\"keep\"")
            .replace(
                "\"unproven\":[]",
                r#""unproven":[],"blockers":["the table is protected: consent with deleteData"]"#,
            );
        let report = Report::parse(&json).expect("a report");
        assert_eq!(fates(&report.inventory), "2 entries: 1 delete, 1 keep");
        let expected = "\
The teardown of tasks-dev would do this. Nothing has been changed.

Removed (1)
  AWS::DynamoDB::Table  Table  t

Kept (1)
  AWS::Logs::LogGroup  /tasks/dev/audit  asked for

Needed before it can start
  the table is protected: consent with --delete-data

plan hash: p
next, if you consent: taskctl teardown start tasks-dev --delete-data --plan-hash p";
        assert_eq!(plan_text(&report, "taskctl teardown start tasks-dev", Paint::NONE, None), expected);
    }
}
