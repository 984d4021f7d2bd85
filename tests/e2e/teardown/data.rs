//! No change that was answered is missing from the audit log that survives.

use std::collections::BTreeSet;

use contract::{Outcome, State, Step, limits::FUNCTION_SECONDS};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::account::Account;
use crate::stack::eventually;

/// A consumer that fails on every record from here on stands for the poison record: this one quarantines a real one.
#[tokio::test]
async fn a_consumer_that_never_catches_up_ends_the_drain_with_data_and_traffic_as_before() {
    let account = Account::new().await;
    account.reserve_concurrency(7).await;
    account.create_task("before the poison").await.unwrap();
    let failure = json!({"error": {"status": 500, "code": "ServiceUnavailableException", "message": "down"}});
    let audit = account.outputs["AuditFunction"].clone();
    account.break_function(&audit, "logs", "PutLogEvents", -1, failure).await;
    let failed = account.teardown(json!({})).await;
    failed.assert_red(Outcome::Failed, &["the audit log has not caught up"]);
    assert!(!failed.entered(State::Backup), "{failed:#?}");
    assert_eq!((account.concurrency().await, account.deletions().await), (Some(7), 0));
    account.assert_intact("CREATE_COMPLETE").await;
}

/// A table that was made for many writes has many shards, and each of them may be slow to open and to read.
#[tokio::test]
async fn a_call_of_the_drain_ends_before_lambda_would_end_it_however_many_shards_are_slow() {
    let account = Account::new().await;
    account.provision_writes(20_000).await;
    for call in ["GetShardIterator", "GetRecords"] {
        account.break_step(Step::Drain, "dynamodb", call, -1, json!({"delayMs": 4_000})).await;
    }
    let run = account.start(json!({"backup": false})).await;
    run.reaches(State::Drain).await;
    run.reaches(State::WaitDrained).await;
    let (began, ended) = (run.entered(State::Drain).await.0, run.entered(State::WaitDrained).await.0);
    let seconds = (ended - began) / 1_000.0;
    assert!(seconds > 30.0 && seconds < f64::from(FUNCTION_SECONDS), "{seconds} s");

    run.stop().await;
    account.aws.lift_faults().await;
    account.provision_writes(1_000).await;
    account.teardown(json!({"backup": false})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

#[tokio::test]
async fn writes_during_the_drain_are_blocked_or_drained() {
    let account = Account::new().await;
    // A consumer that lags by seconds: a deletion that did not wait for it would take it away.
    let audit = account.outputs["AuditFunction"].clone();
    account.break_function(&audit, "logs", "PutLogEvents", 3, json!({"delayMs": 3_000})).await;
    let run = account.start(json!({})).await;
    let (mut written, mut blocked) = (Vec::new(), 0);
    // Writers go on until long after the freeze.
    while blocked < 10 {
        match account.create_task("while it drains").await {
            Some(id) => written.push(id),
            None => blocked += 1,
        }
    }
    assert_eq!(account.deletions().await, 0, "blocked by the freeze, not by the deletion");
    run.end().await.assert_green(Outcome::Deleted);
    assert!(!written.is_empty());
    assert_all_audited(&account, &written).await;
    account.assert_gone().await;
}

#[tokio::test]
async fn five_hundred_changes_written_while_the_teardown_starts_are_in_the_surviving_audit_log() {
    let account = Account::new().await;
    let changes = stream::iter(0..500)
        .map(async |n| account.create_task(&format!("change {n}")).await)
        .buffer_unordered(10)
        .collect::<Vec<_>>();
    let run = async {
        eventually("the first changes", async || {
            (account.log(&account.outputs["AuditLogGroup"]).await.len() > 50).then_some(())
        })
        .await;
        account.teardown(json!({})).await
    };
    let (written, end) = tokio::join!(changes, run);
    end.assert_green(Outcome::Deleted);
    let written: Vec<_> = written.into_iter().flatten().collect();
    println!("{} of 500 changes were answered 201 before the freeze", written.len());
    assert!(written.len() > 50);
    assert_all_audited(&account, &written).await;
    account.assert_gone().await;
}

async fn assert_all_audited(account: &Account, written: &[String]) {
    let log = account.log(&account.outputs["AuditLogGroup"]).await;
    let records = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let audited: BTreeSet<_> =
        records.filter_map(|record| record["task"]["id"].as_str().map(str::to_owned)).collect();
    let missing: Vec<_> = written.iter().filter(|id| !audited.contains(*id)).collect();
    assert!(missing.is_empty(), "{} of {} are missing: {missing:?}", missing.len(), written.len());
}
