//! Prints reports, for people or for programs.

use serde_json::json;

use crate::{
    account::{clients::Aws, workflow::Workflow},
    cli::failure::{Exit, Failure},
    report::{Written, find, text},
    terminal::screen::{self, Paint},
};

/// Prints the report of an execution that was followed to its end, and returns its exit code.
pub async fn conclude(aws: &Aws, workflow: &Workflow, execution: &str, json: bool) -> Result<Exit, Failure> {
    let found = find::of(aws, &workflow.report_group, execution).await?;
    if json {
        screen::out(&json!({"kind": "report", "report": found.raw}).to_string());
    } else {
        screen::out("");
        report(&found, false);
    }
    Ok(found.report.outcome.into())
}

/// Prints a report.
pub fn report(written: &Written, json: bool) {
    if json {
        screen::out(&serde_json::to_string_pretty(&written.raw).unwrap_or_default());
    } else {
        screen::out(&text::report(written, Paint::stdout(), screen::width()));
    }
}
