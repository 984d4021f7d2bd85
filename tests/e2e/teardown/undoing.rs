//! Everything that a run has stopped and lifted is put back, whoever stops it and whatever is lost meanwhile.

use contract::{Evidence, Outcome, State, Step, limits::LAST_CALL_SECONDS};
use serde_json::{Value, json};

use super::{
    account::Account,
    people::{Person, administrator},
    run::Execution,
};

fn denied() -> Value {
    json!({"error": {"status": 403, "code": "AccessDenied", "message": "a test"}})
}

/// A run that was stopped while the API stood still, with protections off.
async fn stopped_in_the_middle(account: &Account) -> Execution {
    account.protect_table().await;
    account.reserve_concurrency(7).await;
    let slow = json!({"delayMs": 600, "error": denied()["error"]});
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", 1, slow).await;
    let run = account.start(json!({"deleteData": true, "backup": false})).await;
    run.reaches(State::Delete).await;
    account.struck(1).await;
    run.stop().await;
    account.aws.lift_faults().await;
    assert_eq!(account.concurrency().await, Some(0));
    run
}

/// A deletion that was on its way would come after traffic is on again. Waits last a hundredth here, so the time is read from what
/// the run carries.
#[tokio::test]
async fn a_stopped_run_is_followed_only_when_its_last_call_must_be_over() {
    let account = Account::new().await;
    let stopped = stopped_in_the_middle(&account).await;
    let ended = stopped.stopped_at().await;
    let next = account.start(json!({"planHash": "none"})).await;
    let refused = next.end().await;
    refused.assert_red(Outcome::Refused, &["the plan is now"]);
    let (_, input) = next.entered(State::WaitLock).await;
    let over = ended + f64::from(LAST_CALL_SECONDS) * 1_000.0;
    assert!((input["lockFrom"].as_f64().unwrap() - over).abs() < 1_000.0, "{input}");
    assert_eq!(input["leftBy"], stopped.arn);
    let restored = refused.report.restored.clone().unwrap();
    assert_eq!((restored.complete, restored.what.as_str()), (true, "traffic and protections are back"));
    assert!(account.table_is_protected().await);
    assert_eq!(account.concurrency().await, Some(7));
    account.assert_intact("CREATE_COMPLETE").await;

    // Nobody is waited for where the last run let go of the stack.
    let again = account.start(json!({"planHash": "none"})).await;
    assert!(!again.end().await.entered(State::WaitLock));
}

/// A redrive passes no Resolve.
#[tokio::test]
async fn a_run_whose_stack_was_taken_over_changes_nothing_and_says_so() {
    let account = Account::new().await;
    let run = account.start(json!({"approval": true})).await;
    run.reaches(State::Approve).await;
    account.write_evidence(Evidence::Lock, &json!("another")).await;
    run.approve().await;
    let failed = run.end().await;
    failed.assert_red(Outcome::Failed, &["does not hold the stack any more"]);
    let restored = failed.report.restored.clone().unwrap();
    assert!(!restored.complete && restored.what.contains("does not hold the stack"), "{restored:?}");
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn what_was_stopped_is_restored_by_its_tag_where_the_evidence_is_lost() {
    let account = Account::new().await;
    stopped_in_the_middle(&account).await;
    account.lose_evidence().await;
    account.teardown(json!({"planHash": "none"})).await.assert_red(Outcome::Refused, &["the plan is now"]);
    assert_eq!(account.concurrency().await, Some(7));
    assert_eq!(account.task_function_tags().await.get("tasks-teardown:concurrency"), None);
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn a_function_that_no_run_remembers_to_have_stopped_is_refused_with_the_way_out() {
    let account = Account::new().await;
    account.reserve_concurrency(0).await;
    let refused = account.teardown(json!({})).await;
    refused.assert_red(Outcome::Refused, &["aws lambda delete-function-concurrency"]);
    assert_eq!(refused.report.consents, None);
    account.restart_writers().await;
    account.assert_intact("CREATE_COMPLETE").await;
}

/// The state before is in the evidence, which goes with the teardown stack.
#[tokio::test]
async fn finish_is_refused_while_a_service_is_stopped_and_works_once_it_is_restored() {
    let account = Account::new().await;
    stopped_in_the_middle(&account).await;
    let person: Person = administrator(&account).await;
    let refused = person.says(&["teardown", "finish", "--although-still-needed"]).await;
    assert_eq!(refused.code, 3, "{refused:#?}");
    assert!(
        refused.words.contains("its API is stopped") && refused.words.contains("teardown undo"),
        "{refused:#?}"
    );

    account.teardown(json!({"planHash": "none"})).await.assert_red(Outcome::Refused, &[]);
    let finished = person.says(&["teardown", "finish", "--although-still-needed"]).await;
    assert_eq!(finished.code, 0, "{finished:#?}");
    account.assert_intact("CREATE_COMPLETE").await;
}

/// More often than a step is tried.
#[tokio::test]
async fn restoring_is_tried_long_after_other_steps_give_up() {
    let account = Account::new().await;
    account.reserve_concurrency(7).await;
    account.break_step(Step::Backup, "dynamodb", "CreateBackup", 1, denied()).await;
    let broken = json!({"error": {"status": 500, "code": "ServiceException", "message": "not well"}});
    account.break_step(Step::Restore, "lambda", "PutFunctionConcurrency", 24, broken).await;
    let failed = account.teardown(json!({})).await;
    failed.assert_red(Outcome::Failed, &["backing the table up"]);
    let restored = failed.report.restored.clone().unwrap();
    assert_eq!((restored.complete, restored.what.as_str()), (true, "traffic and protections are back"));
    assert_eq!(account.concurrency().await, Some(7));
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn what_could_not_be_restored_and_a_report_that_could_not_be_written_are_announced_and_red() {
    let account = Account::new().await;
    account.reserve_concurrency(7).await;
    account.break_step(Step::Backup, "dynamodb", "CreateBackup", 1, denied()).await;
    account.break_step(Step::Restore, "lambda", "PutFunctionConcurrency", -1, denied()).await;
    account.break_step(Step::ReportFailure, "logs", "CreateLogStream", -1, denied()).await;
    let failed = account.teardown(json!({})).await;
    failed.assert_red(
        Outcome::Failed,
        &["backing the table up", "restoring failed", "writing the report failed"],
    );
    assert!(failed.entered(State::Announce), "{failed:#?}");
    let restored = failed.report.restored.clone().unwrap();
    assert!(!restored.complete && restored.what.contains("restoring failed"), "{restored:?}");

    account.aws.lift_faults().await;
    account.teardown(json!({"planHash": "none"})).await.assert_red(Outcome::Refused, &[]);
    assert_eq!(account.concurrency().await, Some(7));
}

#[tokio::test]
async fn without_its_log_group_a_report_is_in_the_execution_alone_and_says_so() {
    let account = Account::new().await;
    let group = format!("/{}/report", account.names.teardown);
    account.aws.logs("DeleteLogGroup", json!({"logGroupName": group})).await.done();
    let end = account.teardown(json!({"dryRun": true})).await;
    end.assert_green(Outcome::Planned);
    assert!(end.keeps(&format!("the log group {group} is gone")), "{end:#?}");
}

#[tokio::test]
async fn a_backup_that_somebody_deleted_is_made_again() {
    let account = Account::new().await;
    let slow = json!({"delayMs": 600, "error": denied()["error"]});
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", 1, slow).await;
    let run = account.start(json!({})).await;
    run.reaches(State::Delete).await;
    account.struck(1).await;
    run.stop().await;
    account.aws.lift_faults().await;
    let made = account.backups_of_type("USER").await;
    let arn = made[0]["BackupArn"].as_str().unwrap();
    account.aws.dynamodb("DeleteBackup", json!({"BackupArn": arn})).await.done();
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    let made = account.backups_of_type("USER").await;
    assert!(made.len() == 1 && end.keeps(made[0]["BackupArn"].as_str().unwrap()), "{end:#?}");
    account.assert_gone().await;
}

#[tokio::test]
async fn a_stream_mapping_that_is_disabled_is_refused_before_anything_is_stopped() {
    let account = Account::new().await;
    let mapping = account.thing("AWS::Lambda::EventSourceMapping", "").physical.clone();
    account.enable_mapping(&mapping, false).await;
    let refused = account.teardown(json!({})).await;
    refused.assert_red(Outcome::Refused, &["is disabled: aws lambda update-event-source-mapping", &mapping]);
    assert!(!refused.entered(State::Freeze), "{refused:#?}");
    account.enable_mapping(&mapping, true).await;
    account.assert_intact("CREATE_COMPLETE").await;
}
