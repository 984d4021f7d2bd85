//! The workflow's run: the service is removed by it, with proof.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::finding::Finding;
use super::made::Made;
use super::site::Site;

const OVER_WITHIN: Duration = Duration::from_hours(1);

/// Deploys the workflow for this one service and runs it to its end.
pub fn run(site: &Site<'_>) -> Result<Finding> {
    let (stack, table) = (&site.service()?.stack, site.service()?.output("TableName")?);
    site.made.add(Made::Backups(table.to_owned()));
    let outputs = site.deploy_teardown()?;
    let machine = outputs.get("StateMachineArn").context("the teardown stack has no StateMachineArn")?;
    let input = json!({
        "stack": stack, "confirm": stack, "deleteData": true, "emptyBuckets": true,
        "overrideTerminationProtection": true, "keepAuditLog": false,
        // Else DynamoDB keeps a backup of its own that nobody can delete for 35 days.
        "systemBackup": false,
    });
    let start = ["--state-machine-arn", machine, "--input", &input.to_string()];
    let started = site.aws.call(&[&["stepfunctions", "start-execution"], &start[..]].concat())?;
    let execution = started["executionArn"].as_str().context("an execution has no ARN")?;
    site.made.add(Made::Execution(execution.to_owned()));
    let ended = site.patience.until(OVER_WITHIN, || {
        let seen = site.aws.call(&["stepfunctions", "describe-execution", "--execution-arn", execution])?;
        let over = seen["status"] != "RUNNING" && (seen["output"].is_string() || seen["cause"].is_string());
        Ok(over.then_some(seen))
    })?;
    let Some((execution, time)) = ended else {
        return Ok(Finding::NotHeld("the run has not ended after an hour".to_owned()));
    };
    let text = execution["output"].as_str().or(execution["cause"].as_str()).unwrap_or_default();
    let report: Value = serde_json::from_str(text).unwrap_or_default();
    let outcome = report["outcome"].as_str().unwrap_or("no report");
    let reason = report["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    let seen = format!("{outcome} after {:.0} s{reason}", time.as_secs_f64());
    Ok(Finding::new(execution["status"] == "SUCCEEDED" && outcome == "deleted", seen))
}
