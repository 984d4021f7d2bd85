//! `undo`: goes back after a stop, as long as the deletion has not begun.

use aws_sdk_cloudformation::types::StackStatus;
use contract::Outcome;
use serde_json::json;

use crate::{
    account::{clients::Aws, execution, stack, workflow},
    cli::{
        args::{TargetArgs, UndoArgs},
        failure::{Exit, Failure},
        hint, request,
    },
    follow::watch::{self, Voice},
    report::{Written, find, print},
    terminal::{layout::one_line, screen},
};

pub async fn run(aws: &Aws, target: &TargetArgs, args: &UndoArgs) -> Result<Exit, Failure> {
    let workflow = workflow::required(aws, target).await?;
    let name = workflow.service(args.stack.as_deref())?;
    let described = stack::describe(aws, &name).await?;
    let status = described.as_ref().and_then(|stack| stack.stack_status()).map(StackStatus::as_str);
    let reason = described.as_ref().and_then(|stack| stack.stack_status_reason()).unwrap_or_default();
    if let Some(why) = too_late(&name, status, reason) {
        return Err(why);
    }
    screen::err(&format!("undoing what the stopped teardown of {name} changed at {}", aws.place));
    let execution = execution::begin(aws, &workflow, &request::undo(&name)).await?;
    watch::follow(aws, &execution, Voice::Quiet).await?;
    let written = find::of(aws, &workflow.report_group, &execution).await?;
    if args.json {
        screen::out(&json!({"kind": "report", "report": written.raw}).to_string());
    }
    let restored = restored(&written).inspect_err(|_| {
        if !args.json {
            print::report(&written, false);
        }
    })?;
    if !args.json {
        screen::out(&format!("{name}: undone: {restored}"));
    }
    Ok(Exit::Success)
}

/// Returns why nothing can be undone any more: the stack is gone, or going.
fn too_late(name: &str, status: Option<&str>, reason: &str) -> Option<Failure> {
    let Some(status) = status else {
        return Some(
            Failure::refused(format!("{name} is not there: there is nothing to go back to"))
                .next(hint::command("teardown report")),
        );
    };
    let begun = status.strip_prefix("DELETE_").is_some();
    let reason = if reason.is_empty() { String::new() } else { format!(": {}", one_line(reason)) };
    begun.then(|| {
        Failure::refused(format!(
            "the deletion of {name} has begun ({status}{reason}): part of it may be gone, and only deleting the rest helps"
        ))
        .next(hint::command(&format!("teardown start {name}")))
    })
}

/// Returns what was restored, in words.
fn restored(written: &Written) -> Result<String, Failure> {
    let report = &written.report;
    let reason = report.reason.as_deref().unwrap_or_default();
    let again = || hint::command(&format!("teardown undo {}", report.stack));
    if report.outcome != Outcome::Refused || !request::is_undone(reason) {
        let failure = if report.outcome == Outcome::Refused { Failure::refused } else { Failure::failed };
        return Err(failure(format!("not undone: {}", one_line(reason))).next(again()));
    }
    match &report.restored {
        Some(restored) if restored.complete => Ok(restored.what.clone()),
        Some(restored) => Err(Failure::failed(format!("not all is undone: {}", restored.what)).next(again())),
        None => Err(Failure::unproven("the report does not say what was given back").next(again())),
    }
}

#[cfg(test)]
mod tests {
    use contract::{Outcome, Report, Restored};
    use serde_json::Value;

    use super::{restored, too_late};
    use crate::{cli::failure::Exit, report::Written};

    #[test]
    fn once_the_deletion_has_begun_nothing_is_undone() {
        assert!(too_late("tasks-dev", Some("UPDATE_COMPLETE"), "").is_none());
        let failed =
            too_late("tasks-dev", Some("DELETE_FAILED"), "the bucket\nis not empty").expect("too late");
        assert_eq!(failed.exit, Exit::Refused);
        assert!(failed.what.contains("(DELETE_FAILED: the bucket is not empty)"), "{failed}");
        assert!(too_late("tasks-dev", None, "").expect("gone").what.contains("nothing to go back to"));
    }

    fn ended(outcome: Outcome, reason: &str, restored: Option<(bool, &str)>) -> Written {
        let restored = restored.map(|(complete, what)| Restored { complete, what: what.into() });
        let report = Report { outcome, reason: Some(reason.into()), restored, ..Report::default() };
        Written { report, raw: Value::Null, whole: true }
    }

    #[test]
    fn only_what_the_run_itself_restored_is_undone() {
        let refused = "the plan is now 0a, not undo: read it again";
        let back = ended(Outcome::Refused, refused, Some((true, "traffic and protections are back")));
        assert_eq!(restored(&back).expect("undone"), "traffic and protections are back");
        let half = ended(Outcome::Refused, refused, Some((false, "the task function stays stopped")));
        assert_eq!(restored(&half).expect_err("half").exit, Exit::Failed);
        let busy = ended(Outcome::Refused, "this stack is being torn down by arn:E", None);
        let busy = restored(&busy).expect_err("another runs");
        assert_eq!(
            restored(&ended(Outcome::Refused, refused, None)).expect_err("unsaid").exit,
            Exit::Unproven
        );
        assert_eq!((busy.exit, busy.what.contains("torn down by arn:E")), (Exit::Refused, true));
        assert_eq!(restored(&ended(Outcome::NothingToDo, "", None)).expect_err("gone").exit, Exit::Failed);
    }
}
