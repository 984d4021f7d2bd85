//! Evidence that somebody has edited, or of which a part is lost: nothing is believed blindly, and what was stopped comes back.

use contract::{Noted, Outcome, State, Step};
use serde_json::json;

use super::account::Account;

/// As it stands in an item: JSON text, as JSON.
const DELETE: &str = r#"\"fate\":\"delete\""#;
const KEEP: &str = r#"\"fate\":\"keep\""#;

#[tokio::test]
async fn an_inventory_that_was_edited_between_two_runs_is_told_and_nothing_is_deleted() {
    let account = Account::new().await;
    account.teardown(json!({"planHash": "none"})).await.assert_red(Outcome::Refused, &["the plan is now"]);
    account.edit_lists(DELETE, KEEP).await;
    let failed = account.teardown(json!({})).await;
    failed.assert_red(Outcome::Failed, &["the evidence lists#", &account.stack, "cannot be read"]);
    assert!(!failed.entered(State::Freeze), "{failed:#?}");
    assert_eq!(account.deletions().await, 0);
    account.assert_intact("CREATE_COMPLETE").await;

    account.lose_evidence().await;
    account.teardown(json!({"backup": false})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

/// The plan that a person approves is the one that is carried out.
#[tokio::test]
async fn a_plan_that_was_edited_while_it_waited_for_approval_is_not_carried_out() {
    let account = Account::new().await;
    let run = account.start(json!({"approval": true})).await;
    run.reaches(State::Approve).await;
    account.edit_lists(KEEP, DELETE).await;
    run.approve().await;
    let failed = run.end().await;
    failed.assert_red(Outcome::Failed, &["the evidence lists#", "cannot be read"]);
    let unknown =
        |noted: &Noted| noted.kind == Noted::EVIDENCE && noted.what == "what the run knew of each thing";
    assert!(failed.report.unproven.iter().any(unknown), "{failed:#?}");
    assert!(!failed.entered(State::Drain), "{failed:#?}");
    assert_eq!(account.deletions().await, 0);
    account.assert_intact("CREATE_COMPLETE").await;
}

/// After the drain, protections are off and the API stands still.
#[tokio::test]
async fn traffic_and_protections_come_back_although_the_lists_of_the_run_are_lost() {
    let account = Account::new().await;
    account.protect_table().await;
    account.reserve_concurrency(7).await;
    account.break_step(Step::Unprotect, "dynamodb", "UpdateTable", 1, json!({"delayMs": 2_000})).await;
    let run = account.start(json!({"deleteData": true, "backup": false})).await;
    account.struck(1).await;
    account.lose_lists().await;
    let failed = run.end().await;
    failed.assert_red(Outcome::Failed, &["the evidence lists#", "cannot be read"]);
    assert!(failed.entered(State::Delete) && !failed.entered(State::Watch), "{failed:#?}");
    let restored = failed.report.restored.clone().unwrap();
    assert_eq!((restored.complete, restored.what.as_str()), (true, "traffic and protections are back"));
    assert!(failed.report.unproven.iter().any(|noted| noted.kind == Noted::EVIDENCE), "{failed:#?}");
    assert!(account.table_is_protected().await);
    assert_eq!((account.concurrency().await, account.deletions().await), (Some(7), 0));
    account.assert_intact("CREATE_COMPLETE").await;
}
