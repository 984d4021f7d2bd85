//! Started twice, stopped and started again, or beside another stack of the same name.

use std::collections::BTreeSet;

use contract::{FoundFate, Outcome, State, Step};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    account::{Account, LOG, SEAL},
    deployment::{create_stack_again, execution_role, outputs_of, status_of, things_of},
};

#[tokio::test]
async fn a_start_removes_everything_and_proves_it_and_a_second_has_nothing_to_do() {
    let account = Account::new().await;
    account.create_task("will be in the audit log").await.unwrap();
    let planned = account.teardown(json!({"dryRun": true})).await;
    planned.assert_green(Outcome::Planned);
    account.assert_intact("CREATE_COMPLETE").await;

    let end = account.teardown(json!({"planHash": planned.report.plan_hash})).await;
    end.assert_green(Outcome::Deleted);
    println!("a teardown takes {} transitions, its deletion two minutes", end.transitions());
    assert!(end.transitions() <= 60, "{end:#?}");
    account.assert_gone().await;
    assert_eq!(end.report.unproven, []);
    for thing in &account.things {
        let stays = LOG.iter().chain(&SEAL).any(|kept| thing.logical.starts_with(kept));
        let fate = if stays { FoundFate::Kept } else { FoundFate::Absent };
        assert_eq!(end.fate(&thing.physical), fate, "{thing:?}");
    }
    for what in [account.outputs["AuditLogGroup"].as_str(), "backup arn:", "Asset ", "$DeletedTableBackup"] {
        assert!(end.keeps(what), "{what} is not among {:#?}", end.report.kept);
    }
    let (_, key) = account.outputs["SealKeys"].rsplit_once('/').unwrap();
    for seal in [&account.outputs["SealBucket"], key, &account.outputs["CheckpointLogGroup"]] {
        let of_seal =
            end.report.kept.iter().any(|noted| noted.id == seal && noted.why.contains("verified with it"));
        assert!(of_seal, "{seal} is not among {:#?}", end.report.kept);
    }
    assert_eq!(account.backups().await, 1);
    assert!(account.audit_log_is_protected().await);
    let groups: BTreeSet<_> = account.log_groups("").await.into_iter().collect();
    let ours = [
        "/aws/vendedlogs/states/TEARDOWN",
        "/aws/vendedlogs/states/TEARDOWN-plan",
        "/TEARDOWN/function",
        "/TEARDOWN/plan-function",
        "/TEARDOWN/report",
    ];
    let mut left: BTreeSet<_> =
        ours.iter().map(|name| name.replace("TEARDOWN", &account.names.teardown)).collect();
    left.extend(
        ["AuditLogGroup", "CheckpointLogGroup", "QuarantineLogGroup"]
            .map(|output| account.outputs[output].clone()),
    );
    assert_eq!(groups, left);

    let again = account.teardown(json!({})).await;
    again.assert_green(Outcome::NothingToDo);
    for what in [account.outputs["AuditLogGroup"].as_str(), "backup arn:"] {
        assert!(again.keeps(what), "{what} is not among {:#?}", again.report.kept);
    }
    account.assert_gone().await;
    let outcomes: Vec<_> = account.reports().await.iter().map(|report| report.outcome).collect();
    assert_eq!(outcomes, [Outcome::Planned, Outcome::Deleted, Outcome::NothingToDo]);
}

#[tokio::test]
async fn the_audit_log_goes_when_the_operator_says_so() {
    let account = Account::new().await;
    let consents =
        json!({"keepAuditLog": false, "overrideLogProtection": true, "backup": false, "systemBackup": false});
    account.teardown(consents).await.assert_green(Outcome::Deleted);
    account.assert_gone_but(&SEAL).await;
    assert_eq!(account.backups_of_type("ALL").await, Vec::<Value>::new());
}

#[tokio::test]
async fn of_two_executions_started_at_once_one_acts_and_one_says_so() {
    let account = Account::new().await;
    let (one, two) = tokio::join!(account.start(json!({})), account.start(json!({})));
    let (one, two) = tokio::join!(one.end(), two.end());
    let (acted, refused) = if one.status == "SUCCEEDED" { (one, two) } else { (two, one) };
    acted.assert_green(Outcome::Deleted);
    refused.assert_red(Outcome::Refused, &["is being torn down by"]);
    assert_eq!(account.deletions().await, 1);
    account.assert_gone().await;
}

/// Each step that calls something, with a call that is slow, so that the execution is stopped in the middle of it: the
/// call goes on, as a Lambda function does whose execution was stopped.
const CALLS: [(State, &str, &str); 14] = [
    (State::Resolve, "dynamodb", "PutItem"),
    (State::Stabilise, "cloudformation", "DescribeStacks"),
    (State::Inventory, "cloudformation", "GetTemplate"),
    (State::Preflight, "iam", "GetRole"),
    (State::Freeze, "lambda", "PutFunctionConcurrency"),
    (State::Drain, "dynamodb", "DescribeStream"),
    (State::Backup, "dynamodb", "CreateBackup"),
    (State::Unprotect, "dynamodb", "UpdateTable"),
    (State::Delete, "cloudformation", "DeleteStack"),
    (State::Watch, "cloudformation", "DescribeStacks"),
    (State::Remedy, "s3", "DeleteObjects"),
    (State::Sweep, "logs", "DescribeLogGroups"),
    (State::Prove, "monitoring", "DescribeAlarms"),
    (State::Report, "logs", "CreateLogStream"),
];
/// The same for a run that fails.
const UNDOING: [(State, &str, &str); 2] = [
    (State::Restore, "lambda", "DeleteFunctionConcurrency"),
    (State::ReportFailure, "logs", "CreateLogStream"),
];

/// A stack whose teardown takes every state, and the consents for it.
async fn account_with_everything() -> (Account, Value) {
    let account = Account::new().await;
    account.protect_tables().await;
    account.fill_bucket().await;
    (account, json!({"deleteData": true, "emptyBuckets": true}))
}

/// Stops the run in the state, the slow call of which is the how many-th to be struck by a fault, and starts again.
async fn stopped_and_started_again(account: &Account, consents: Value, state: State, struck: u64) {
    let id = account.create_task("survives every stop").await.unwrap();
    let run = account.start(consents.clone()).await;
    run.reaches(state).await;
    account.struck(struck).await;
    run.stop().await;
    account.aws.lift_faults().await;
    ends_as_if_never_stopped(account, consents, state, &id).await;
}

async fn ends_as_if_never_stopped(account: &Account, consents: Value, state: State, id: &str) {
    let end = account.teardown(consents).await;
    let green = [Outcome::Deleted, Outcome::NothingToDo].contains(&end.report.outcome);
    assert!(green, "stopped in {state}: {end:#?}");
    assert_eq!(end.report.unproven, [], "stopped in {state}");
    account.assert_gone().await;
    let log = account.log(&account.outputs["AuditLogGroup"]).await;
    assert!(log.iter().any(|line| line.contains(id)), "stopped in {state}");
}

#[tokio::test]
async fn stopped_after_each_state_in_turn_and_started_again_it_ends_the_same() {
    stream::iter(CALLS)
        .map(async |(state, service, action)| {
            let (account, consents) = account_with_everything().await;
            account.break_step(state.step().unwrap(), service, action, 1, json!({"delayMs": 1_500})).await;
            stopped_and_started_again(&account, consents, state, 1).await;
        })
        .buffer_unordered(CALLS.len())
        .collect::<()>()
        .await;
}

/// Plan calls nothing that could be slow; after it the run waits.
#[tokio::test]
async fn stopped_between_plan_and_approval_and_started_again_it_ends_the_same() {
    let (account, consents) = account_with_everything().await;
    let id = account.create_task("survives every stop").await.unwrap();
    let mut with_approval = consents.clone();
    with_approval["approval"] = json!(true);
    let run = account.start(with_approval).await;
    run.reaches(State::Approve).await;
    run.stop().await;
    account.assert_intact("CREATE_COMPLETE").await;
    ends_as_if_never_stopped(&account, consents, State::Approve, &id).await;
}

#[tokio::test]
async fn stopped_while_it_undoes_and_started_again_it_ends_the_same() {
    let denied = json!({"error": {"status": 403, "code": "AccessDenied", "message": "no backup"}});
    stream::iter(UNDOING)
        .map(async |(state, service, action)| {
            let (account, consents) = account_with_everything().await;
            account.break_step(Step::Backup, "dynamodb", "CreateBackup", 1, denied.clone()).await;
            account.break_step(state.step().unwrap(), service, action, 1, json!({"delayMs": 1_500})).await;
            stopped_and_started_again(&account, consents, state, 2).await;
        })
        .buffer_unordered(UNDOING.len())
        .collect::<()>()
        .await;
}

#[tokio::test]
async fn a_run_stopped_after_its_deletion_still_removes_the_audit_log_when_told_to() {
    let account = Account::new().await;
    let consents = json!({"keepAuditLog": false, "overrideLogProtection": true});
    account.break_step(Step::Sweep, "logs", "DeleteLogGroup", 1, json!({"delayMs": 1_500})).await;
    let run = account.start(consents.clone()).await;
    run.reaches(State::Sweep).await;
    run.stop().await;
    assert_eq!(account.teardown(consents).await.status, "SUCCEEDED");
    account.assert_gone_but(&SEAL).await;
}

async fn deploy_again(account: &Account) -> String {
    let service = account.names.service();
    create_stack_again(&account.aws, &service, &service.stack, Some(&execution_role(&account.aws))).await
}

/// The account as the new stack's.
async fn assert_untouched(account: &mut Account, stack: String) {
    account.things = things_of(&account.aws, &stack).await;
    account.outputs = outputs_of(&account.aws, &stack).await;
    account.stack = stack;
    account.assert_intact("CREATE_COMPLETE").await;
    assert_eq!((account.concurrency().await, account.backups().await), (None, 0));
    assert!(!account.table_is_protected().await);
}

#[tokio::test]
async fn a_new_stack_that_takes_the_name_after_the_plan_is_untouched() {
    let mut account = Account::new().await;
    let run = account.start(json!({"approval": true})).await;
    run.reaches(State::Approve).await;
    account.aws.cloudformation("DeleteStack", &[("StackName", account.names.service.as_str())]).await.done();
    account.reaches_status("DELETE_COMPLETE").await;
    let new = deploy_again(&account).await;
    run.approve().await;
    run.end().await.assert_red(Outcome::Refused, &["deleted"]);
    assert_untouched(&mut account, new).await;
}

/// The last call of a run that was stopped does this.
#[tokio::test]
async fn a_deletion_by_another_after_the_plan_is_swept_and_proven() {
    let account = Account::new().await;
    let run = account.start(json!({"approval": true})).await;
    run.reaches(State::Approve).await;
    account.aws.cloudformation("DeleteStack", &[("StackName", &account.names.service)]).await.done();
    account.reaches_status("DELETE_COMPLETE").await;
    run.approve().await;
    run.end().await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

#[tokio::test]
async fn a_new_stack_that_takes_the_name_after_the_deletion_is_untouched() {
    let mut account = Account::new().await;
    account.break_step(Step::Sweep, "logs", "DescribeLogGroups", 1, json!({"delayMs": 6_000})).await;
    let run = account.start(json!({"backup": false})).await;
    account.reaches_status("DELETE_COMPLETE").await;
    let new = deploy_again(&account).await;
    assert!(!run.states().await.contains(&State::WaitSwept), "the first sweep is still held");
    run.end().await.assert_green(Outcome::Deleted);
    assert_untouched(&mut account, new).await;
}

/// Held in the state by hand: the update itself is CloudFormation's.
#[tokio::test]
async fn an_update_in_progress_is_waited_for() {
    let account = Account::new().await;
    account.put_stack(json!({"status": "UPDATE_IN_PROGRESS"})).await;
    let run = account.start(json!({})).await;
    run.reaches(State::WaitStable).await;
    assert_eq!(account.deletions().await, 0);
    account.put_stack(json!({"status": "UPDATE_COMPLETE"})).await;
    run.end().await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

/// Put into the state by hand, with all resources there.
#[tokio::test]
async fn a_stack_that_failed_or_was_never_made_goes() {
    let states = ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"];
    stream::iter(states)
        .map(async |status| {
            let account = Account::new().await;
            account.put_stack(json!({"status": status})).await;
            let end = account.teardown(json!({})).await;
            assert_eq!((status, end.report.outcome), (status, Outcome::Deleted), "{end:#?}");
            account.assert_gone().await;
        })
        .buffer_unordered(states.len())
        .collect::<()>()
        .await;
}

/// A stack in review as a change set makes it: no template, no resource.
#[tokio::test]
async fn a_change_set_that_was_never_executed_goes() {
    let account = Account::new().await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    let template: Value = json!({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}});
    let template = template.to_string();
    let parameters = [
        ("StackName", account.names.service.as_str()),
        ("ChangeSetName", "never-executed"),
        ("ChangeSetType", "CREATE"),
        ("TemplateBody", &template),
        ("Tags.member.1.Key", "service"),
        ("Tags.member.1.Value", "tasks"),
    ];
    account.aws.cloudformation("CreateChangeSet", &parameters).await.done();
    let status = async || status_of(&account.aws, &account.names.service).await;
    assert_eq!(status().await.as_deref(), Some("REVIEW_IN_PROGRESS"));
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    assert_eq!(status().await, None);
}
