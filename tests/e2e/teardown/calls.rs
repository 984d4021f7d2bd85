//! AWS's answers are errors, nonsense or lost.

use contract::{FoundFate, Outcome, State, Step};
use serde_json::{Value, json};

use super::account::Account;

/// More often than the SDK tries by itself, so that the state machine's own retries are needed.
const BEYOND_THE_SDK: i32 = 5;

fn throttled() -> Value {
    json!({"error": {"status": 400, "code": "Throttling", "message": "Rate exceeded"}})
}

fn broken() -> Value {
    json!({"error": {"status": 500, "code": "InternalFailure", "message": "We are sorry"}})
}

fn denied() -> Value {
    json!({"error": {"status": 403, "code": "AccessDenied", "message": "not authorized to perform this"}})
}

#[tokio::test]
async fn throttling_in_resolve_and_in_the_wait_is_retried() {
    let account = Account::new().await;
    for step in [Step::Resolve, Step::Watch] {
        account.break_step(step, "cloudformation", "DescribeStacks", BEYOND_THE_SDK, throttled()).await;
    }
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    assert_eq!(account.aws.faults_hit().await, 10);
    assert_eq!(account.deletions().await, 1);
    account.assert_gone().await;
}

#[tokio::test]
async fn a_lister_that_fails_is_not_taken_for_nothing_left() {
    let account = Account::new().await;
    account.break_step(Step::Inventory, "cloudformation", "ListStackResources", 1, denied()).await;
    account.teardown(json!({})).await.assert_red(Outcome::Failed, &["AccessDenied"]);
    account.assert_intact("CREATE_COMPLETE").await;

    account
        .break_step(Step::Inventory, "cloudformation", "ListStackResources", BEYOND_THE_SDK, broken())
        .await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

/// The emulator's lister never answers an empty page for a stack with resources: an answer of status 200 that lists
/// nothing stands for it.
#[tokio::test]
async fn a_lister_that_lists_nothing_is_not_taken_for_nothing_left() {
    let account = Account::new().await;
    let nothing = json!({"error": {"status": 200, "code": "Nothing", "message": "no list"}});
    account.break_step(Step::Inventory, "cloudformation", "ListStackResources", -1, nothing).await;
    account.teardown(json!({})).await.assert_red(Outcome::Failed, &["listing the stack's resources"]);
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn no_backup_no_delete() {
    let account = Account::new().await;
    account.reserve_concurrency(7).await;
    account.break_step(Step::Backup, "dynamodb", "CreateBackup", -1, denied()).await;
    let failed = account.teardown(json!({})).await;
    failed.assert_red(Outcome::Failed, &["backing the table up", "AccessDenied"]);
    assert!(!failed.entered(State::Delete), "{failed:#?}");
    assert_eq!((account.backups().await, account.deletions().await), (0, 0));
    assert_eq!(account.concurrency().await, Some(7));
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn the_lost_answer_of_delete_stack_is_one_deletion() {
    let account = Account::new().await;
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", -1, json!({"dropAnswer": true})).await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    assert!(account.aws.faults_hit().await > 0);
    assert_eq!(account.deletions().await, 1);
    account.assert_gone().await;
}

/// The table is unprotected then, and being updated.
#[tokio::test]
async fn a_lost_answer_of_unprotect_is_waited_for() {
    let account = Account::new().await;
    account.protect_table().await;
    account.break_step(Step::Unprotect, "dynamodb", "UpdateTable", 1, json!({"dropAnswer": true})).await;
    let end = account.teardown(json!({"deleteData": true})).await;
    end.assert_green(Outcome::Deleted);
    assert_eq!((account.aws.faults_hit().await, account.deletions().await), (1, 1));
    assert!(!end.entered(State::Remedy), "{end:#?}");
    account.assert_gone().await;
}

#[tokio::test]
async fn access_denied_while_proving_is_unproven_and_no_success() {
    let account = Account::new().await;
    // The bucket is asked for once, for itself and for its policy; that of checkpoints, which stays, too.
    account.break_step(Step::Prove, "s3", "HeadBucket", 2, denied()).await;
    let end = account.teardown(json!({})).await;
    end.assert_red(Outcome::Unproven, &["not everything could be shown absent"]);
    let unproven = &end.report.unproven;
    let bucket = account.thing("AWS::S3::Bucket", "AuditFailures");
    assert_eq!(unproven.len(), 2, "{unproven:#?}");
    assert!(unproven[0].is_about(&bucket.kind, &bucket.physical), "{unproven:#?}");
    account.assert_gone().await;

    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.report.unproven, []);
}

#[tokio::test]
async fn a_sweep_that_is_refused_does_not_keep_anything_from_being_looked_for() {
    let account = Account::new().await;
    account.break_step(Step::Sweep, "logs", "DescribeLogGroups", -1, denied()).await;
    let end = account.teardown(json!({})).await;
    end.assert_red(Outcome::Unproven, &["not everything could be shown absent"]);
    let unproven = &end.report.unproven;
    assert!(unproven.len() == 1 && unproven[0].why.contains("AccessDenied"), "{unproven:#?}");
    for thing in ["AWS::DynamoDB::Table", "AWS::ApiGateway::RestApi"] {
        let of_kind = account.things.iter().find(|it| it.kind == thing).unwrap();
        assert_eq!(end.fate(&of_kind.physical), FoundFate::Absent);
    }
    account.aws.lift_faults().await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
}

#[tokio::test]
async fn a_transient_error_in_every_state_in_turn_changes_nothing_of_the_result() {
    let account = Account::new().await;
    let calls = [
        (Step::Resolve, "cloudformation", "DescribeStacks"),
        (Step::Stabilise, "cloudformation", "DescribeStacks"),
        (Step::Inventory, "cloudformation", "GetTemplate"),
        (Step::Preflight, "cloudformation", "DescribeStacks"),
        (Step::Freeze, "cloudformation", "DescribeStacks"),
        (Step::Drain, "dynamodb", "DescribeStream"),
        (Step::Backup, "dynamodb", "ListBackups"),
        (Step::Unprotect, "cloudformation", "DescribeStacks"),
        (Step::Delete, "cloudformation", "DeleteStack"),
        (Step::Watch, "cloudformation", "DescribeStacks"),
        (Step::Sweep, "logs", "DescribeLogGroups"),
        (Step::Prove, "s3", "HeadBucket"),
        (Step::Report, "logs", "CreateLogStream"),
    ];
    for (step, service, action) in calls {
        account.break_step(step, service, action, BEYOND_THE_SDK, broken()).await;
    }
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    assert_eq!(account.aws.faults_hit().await, calls.len() as u64 * u64::from(BEYOND_THE_SDK.unsigned_abs()));
    assert_eq!(account.deletions().await, 1);
    account.assert_gone().await;
}
