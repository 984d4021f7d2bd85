//! Whoever takes the audit log's supply away raises an alarm: by the metrics that the calls leave, at a pretended time. And so does
//! the call itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use local_wire::text;
use serde_json::json;
use tokio::time::sleep;

use crate::{stack::eventually, teardown::account::Account};

const MINUTE: u64 = 60;
/// The alarms' period.
const PERIOD: u64 = 5 * MINUTE;

fn minute() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / MINUTE * MINUTE
}

/// Writes in two periods: in two minutes that follow each other, and of which one ends a period if the alarms are evaluated so
/// many seconds later. Returns that time.
async fn write_in_two_periods(account: &Account) -> u64 {
    write(account).await;
    let first = minute();
    while minute() == first {
        sleep(Duration::from_millis(500)).await;
    }
    write(account).await;
    minute() + PERIOD
}

async fn write(account: &Account) {
    eventually("a task", async || account.create_task("written").await).await;
}

/// Waits for so many audit records.
async fn audited(account: &Account, count: usize) {
    let group = &account.outputs["AuditLogGroup"];
    eventually("audit records", async || (account.log(group).await.len() >= count).then_some(())).await;
}

/// Lets a function run no more.
async fn stop(account: &Account, function: &str) {
    let path = format!("/2017-10-31/functions/{function}/concurrency");
    let none = json!({"ReservedConcurrentExecutions": 0}).to_string().into_bytes();
    account.aws.rest("lambda", "PUT", &path, none).await.done();
}

/// Evaluates the account's alarms as of then, and returns the state of one.
async fn state_at(account: &Account, now: u64, alarm: &str) -> String {
    account.aws.admin("alarms", json!({"now": now})).await;
    let name = format!("{}-{alarm}", account.names.service);
    let alarms =
        account.aws.query("monitoring", "DescribeAlarms", &[("AlarmNames.member.1", &name)]).await.done();
    text(&alarms, "StateValue").unwrap_or_else(|| panic!("there is no alarm {name}: {alarms}"))
}

/// The state of the alarm on calls that touch the audit log, as of the end of this minute.
async fn interference(account: &Account) -> String {
    state_at(account, minute() + MINUTE, "audit-interference").await
}

async fn keep_for_a_day(account: &Account, log_group: &str) {
    let retention = json!({"logGroupName": log_group, "retentionInDays": 1});
    account.aws.logs("PutRetentionPolicy", retention).await.done();
}

#[tokio::test]
async fn writes_that_are_audited_are_no_alarm_and_a_shorter_retention_is_one() {
    let account = Account::new().await;
    keep_for_a_day(&account, &account.outputs["QuarantineLogGroup"]).await;
    assert_eq!(interference(&account).await, "OK");
    keep_for_a_day(&account, &account.outputs["AuditLogGroup"]).await;
    assert_eq!(interference(&account).await, "ALARM");
    let now = write_in_two_periods(&account).await;
    audited(&account, 2).await;
    assert_eq!(state_at(&account, now, "audit-silent").await, "OK");
}

#[tokio::test]
async fn writes_while_the_mapping_is_disabled_are_an_alarm() {
    let account = Account::new().await;
    let mapping = &account.thing("AWS::Lambda::EventSourceMapping", "").physical;
    let path = format!("/2015-03-31/event-source-mappings/{mapping}");
    assert_eq!(interference(&account).await, "OK");
    account.aws.rest("lambda", "PUT", &path, json!({"Enabled": false}).to_string().into_bytes()).await.done();
    assert_eq!(interference(&account).await, "ALARM");
    let now = write_in_two_periods(&account).await;
    assert_eq!(state_at(&account, now, "audit-silent").await, "ALARM");
}

#[tokio::test]
async fn writes_after_the_stream_was_off_for_a_while_are_an_alarm() {
    let account = Account::new().await;
    account.switch_stream_off().await;
    assert_eq!(interference(&account).await, "ALARM");
    // A new stream, of which the mapping knows nothing.
    let table = &account.outputs["TableName"];
    let stream = json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"});
    let update = json!({"TableName": table, "StreamSpecification": stream});
    account.aws.dynamodb("UpdateTable", update).await.done();
    let now = write_in_two_periods(&account).await;
    assert_eq!(state_at(&account, now, "audit-silent").await, "ALARM");
}

#[tokio::test]
async fn writes_while_the_audit_function_may_not_run_are_an_alarm() {
    let account = Account::new().await;
    stop(&account, &account.outputs["AuditFunction"]).await;
    assert_eq!(interference(&account).await, "ALARM");
    let now = write_in_two_periods(&account).await;
    assert_eq!(state_at(&account, now, "audit-silent").await, "ALARM");
}

/// Missing data count: the notary's own silence is what shows.
#[tokio::test]
async fn a_notary_that_does_not_run_is_an_alarm() {
    let account = Account::new().await;
    let notary = &account.outputs["NotaryFunction"];
    write(&account).await;
    audited(&account, 1).await;
    let invoke = format!("/2015-03-31/functions/{notary}/invocations");
    account.aws.rest("lambda", "POST", &invoke, b"{}".to_vec()).await.done();
    assert_eq!(state_at(&account, minute() + MINUTE, "audit-unsealed").await, "OK");
    stop(&account, notary).await;
    assert_eq!(interference(&account).await, "ALARM");
    assert_eq!(state_at(&account, minute() + 30 * MINUTE, "audit-unsealed").await, "ALARM");
}
