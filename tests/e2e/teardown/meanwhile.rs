//! Changes by others between two runs, or in the middle of one: by hand, by an update, by another run.

use contract::{FoundFate, Noted, Outcome, State, Step};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::account::Account;

fn denied() -> Value {
    denied_after(0)
}

fn denied_after(millis: u64) -> Value {
    json!({"delayMs": millis, "error": {"status": 403, "code": "AccessDenied", "message": "a test"}})
}

fn as_json(template: &Value) -> String {
    template.to_string()
}

/// A resource that says nothing to the others.
fn add_alarm(account: &Account) -> impl FnOnce(&mut Value) + use<> {
    let alarm = json!({
        "AlarmName": format!("{}-extra", account.names.service), "Namespace": "Test", "MetricName": "Any",
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    move |template| {
        template["Resources"]["Extra"] = json!({"Type": "AWS::CloudWatch::Alarm", "Properties": alarm});
    }
}

// --- The stack is not what it was ---

#[tokio::test]
async fn an_update_after_the_plan_is_refused() {
    let mut account = Account::new().await;
    let run = account.start(json!({"approval": true})).await;
    run.reaches(State::Approve).await;
    let change = add_alarm(&account);
    account.update(change, as_json).await;
    run.approve().await;
    let refused = run.end().await;
    refused.assert_red(Outcome::Refused, &["updated since the plan", "Extra (AWS::CloudWatch::Alarm)"]);
    assert!(!refused.entered(State::Drain), "{refused:#?}");
    account.assert_intact("UPDATE_COMPLETE").await;

    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

#[tokio::test]
async fn an_update_while_the_table_is_backed_up_is_refused_and_traffic_restored() {
    let mut account = Account::new().await;
    account.reserve_concurrency(7).await;
    account.break_step(Step::Backup, "dynamodb", "CreateBackup", 1, json!({"delayMs": 3_000})).await;
    let run = account.start(json!({})).await;
    run.reaches(State::Backup).await;
    let change = add_alarm(&account);
    account.update(change, as_json).await;
    run.end().await.assert_red(Outcome::Refused, &["updated since the plan", "Extra"]);
    assert_eq!((account.concurrency().await, account.deletions().await), (Some(7), 0));
    account.assert_intact("UPDATE_COMPLETE").await;
}

#[tokio::test]
async fn what_came_with_an_update_is_proven_after_a_run_that_was_stopped() {
    let mut account = Account::new().await;
    account.put_stack(json!({"protected": true})).await;
    // Its inventory is the first, and has no alarm.
    account.teardown(json!({})).await.assert_red(Outcome::Refused, &["termination protection"]);
    let change = add_alarm(&account);
    account.update(change, as_json).await;
    let consents = json!({"overrideTerminationProtection": true});
    account.break_step(Step::Sweep, "logs", "DescribeLogGroups", 1, json!({"delayMs": 2_000})).await;
    let run = account.start(consents.clone()).await;
    run.reaches(State::Sweep).await;
    account.struck(1).await;
    run.stop().await;
    let alarm = account.thing("AWS::CloudWatch::Alarm", "Extra").physical.clone();
    let put = [
        ("AlarmName", alarm.as_str()),
        ("Namespace", "Test"),
        ("MetricName", "Any"),
        ("Statistic", "Sum"),
        ("Period", "60"),
        ("EvaluationPeriods", "1"),
        ("Threshold", "1"),
        ("ComparisonOperator", "GreaterThanThreshold"),
    ];
    account.aws.query("monitoring", "PutMetricAlarm", &put).await.done();
    let end = account.teardown(consents).await;
    end.assert_red(Outcome::Unproven, &[]);
    assert!(end.report.unproven[0].is_about("AWS::CloudWatch::Alarm", &alarm), "{end:#?}");
}

#[tokio::test]
async fn an_update_that_retains_the_audit_log_no_longer_is_refused() {
    let mut account = Account::new().await;
    let run = account.start(json!({"approval": true})).await;
    run.reaches(State::Approve).await;
    let log = account.thing("AWS::Logs::LogGroup", "AuditLog").logical.clone();
    account.update(|template| template["Resources"][&log]["DeletionPolicy"] = json!("Delete"), as_json).await;
    run.approve().await;
    run.end().await.assert_red(Outcome::Refused, &["updated since the plan", &log]);
    account.assert_intact("UPDATE_COMPLETE").await;
}

#[tokio::test]
async fn without_a_template_in_json_what_it_retains_stays() {
    let mut account = Account::new().await;
    let change = add_alarm(&account);
    // YAML, which has comments.
    account.update(change, |template| format!("# by hand\n{template}")).await;
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    account.assert_gone().await;
    assert!(end.keeps(&account.outputs["AuditLogGroup"]), "{end:#?}");
}

/// A stack whose creation failed half-way has no outputs.
#[tokio::test]
async fn a_stack_without_outputs_is_frozen_and_drained_too() {
    let outputs = ["TaskApiFunction", "AuditFunction", "AuditLogGroup"];
    let account = Account::with(|template| {
        for name in outputs {
            template["Outputs"].as_object_mut().unwrap().remove(name).unwrap();
        }
    })
    .await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
    let calls = account.aws.calls_of(&account.step()).await;
    for call in ["PutFunctionConcurrency", "GetRecords", "FilterLogEvents"] {
        assert!(calls.iter().any(|(_, action, _)| action == call), "no {call}");
    }
}

/// The service is alive without its stack, and a second stack of the name failed to take its names.
#[tokio::test]
async fn a_function_that_is_not_the_stacks_is_not_stopped() {
    let account = Account::new().await;
    let mut template = json!({"Resources": {}});
    add_alarm(&account)(&mut template);
    let template = template.to_string();
    let function = account.outputs["TaskApiFunction"].clone();
    account.aws.cloudformation("DeleteStack", &[("StackName", &account.names.service)]).await.done();
    account.reaches_status("DELETE_COMPLETE").await;
    let create = [
        ("StackName", account.names.service.as_str()),
        ("TemplateBody", template.as_str()),
        ("Tags.member.1.Key", "service"),
        ("Tags.member.1.Value", "tasks"),
    ];
    account.aws.cloudformation("CreateStack", &create).await.done();
    account.make_function(&function).await;
    account.reserve_concurrency(3).await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    assert_eq!(account.concurrency().await, Some(3));
}

// --- Traffic and protection ---

/// A run was stopped, somebody put traffic and protection right by hand, and a little differently.
#[tokio::test]
async fn what_was_set_since_a_stopped_run_is_what_a_failed_run_restores() {
    let account = Account::new().await;
    account.protect_table().await;
    account.reserve_concurrency(7).await;
    let consents = json!({"deleteData": true, "overrideTerminationProtection": true, "backup": false});
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", 1, denied_after(3_000)).await;
    let run = account.start(consents.clone()).await;
    run.reaches(State::Delete).await;
    account.struck(1).await;
    run.stop().await;
    assert!(!account.table_is_protected().await);
    assert_eq!(account.concurrency().await, Some(0));

    account.reserve_concurrency(9).await;
    account.put_stack(json!({"protected": true})).await;
    account.aws.lift_faults().await;
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", 1, denied()).await;
    account.teardown(consents).await.assert_red(Outcome::Failed, &["AccessDenied"]);
    assert!(account.table_is_protected().await && account.termination_is_protected().await);
    assert_eq!(account.concurrency().await, Some(9));
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn a_backup_is_made_again_when_the_service_was_used_after_a_stopped_run() {
    let account = Account::new().await;
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", 1, denied_after(2_000)).await;
    let run = account.start(json!({})).await;
    run.reaches(State::Delete).await;
    // Else the call would still come, and find the fault cleared.
    account.struck(1).await;
    run.stop().await;
    assert_eq!(account.backups().await, 1);
    account.restart_writers().await;
    let id = account.create_task("after the first backup").await.unwrap();
    account.aws.lift_faults().await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    assert_eq!(account.backups().await, 2);
    let log = account.log(&account.outputs["AuditLogGroup"]).await;
    assert!(log.iter().any(|line| line.contains(&id)));
}

/// The last call of a run that was stopped while it restored does this.
#[tokio::test]
async fn writers_that_are_restarted_during_a_run_are_stopped_and_drained_again() {
    let account = Account::new().await;
    account.break_step(Step::Backup, "dynamodb", "CreateBackup", 1, json!({"delayMs": 2_000})).await;
    let run = account.start(json!({})).await;
    run.reaches(State::Backup).await;
    account.restart_writers().await;
    let id = account.create_task("after the drain").await.unwrap();
    let end = run.end().await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.times(State::Freeze), 2);
    assert_eq!(account.backups().await, 2);
    let log = account.log(&account.outputs["AuditLogGroup"]).await;
    assert!(log.iter().any(|line| line.contains(&id)));
    account.assert_gone().await;
}

#[tokio::test]
async fn traffic_comes_back_when_the_stream_mapping_is_not_the_one_of_the_first_inventory() {
    let mut account = Account::new().await;
    account.put_stack(json!({"protected": true})).await;
    account.teardown(json!({})).await.assert_red(Outcome::Refused, &["termination protection"]);
    let mapping = account.thing("AWS::Lambda::EventSourceMapping", "").logical.clone();
    let rename = |template: &Value| template.to_string().replace(&mapping, "Another");
    account.update(|_| (), rename).await;
    assert_eq!(account.thing("AWS::Lambda::EventSourceMapping", "").logical, "Another");
    account.break_step(Step::Backup, "dynamodb", "CreateBackup", -1, denied()).await;
    let failed = account.teardown(json!({"overrideTerminationProtection": true})).await;
    failed.assert_red(Outcome::Failed, &["backing the table up"]);
    account.assert_intact("UPDATE_COMPLETE").await;
}

#[tokio::test]
async fn termination_protection_that_is_switched_on_after_the_plan_is_refused() {
    let account = Account::new().await;
    let run = account.start(json!({"approval": true})).await;
    run.reaches(State::Approve).await;
    account.put_stack(json!({"protected": true})).await;
    run.approve().await;
    run.end().await.assert_red(Outcome::Refused, &["protection was switched on"]);
    assert_eq!(account.deletions().await, 0);
    account.assert_intact("CREATE_COMPLETE").await;
}

/// A protection would break the deletion, and a writer would write what nobody audits.
#[tokio::test]
async fn nothing_is_put_back_while_cloudformation_deletes() {
    let account = Account::new().await;
    account.protect_table().await;
    let consents = json!({"deleteData": true});
    account.break_handler("AWS::CloudFormation::Stack", 1, json!({"delayMs": 3_000})).await;
    // Watch's first look, after those of Resolve, Stabilise, Preflight, Freeze and Unprotect.
    account.break_step(Step::Watch, "cloudformation", "DescribeStacks", 1, denied()).await;
    let failed = account.teardown(consents.clone()).await;
    failed.assert_red(Outcome::Failed, &["AccessDenied"]);
    assert!(failed.entered(State::Watch), "{failed:#?}");
    assert!(failed.keeps("CloudFormation deletes the stack"), "{failed:#?}");
    assert!(!account.table_is_protected().await);
    assert_eq!(account.concurrency().await, Some(0));
    account.reaches_status("DELETE_COMPLETE").await;
    account.aws.lift_faults().await;
    account.teardown(consents).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

/// An account with a quota of 10 concurrent executions leaves nothing to reserve; others may have reserved it since.
#[tokio::test]
async fn a_concurrency_that_lambda_refuses_to_reserve_again_is_given_up_for_traffic_and_told() {
    let account = Account::new().await;
    account.reserve_concurrency(7).await;
    account.break_step(Step::Backup, "dynamodb", "CreateBackup", -1, denied()).await;
    let message = "Specified ReservedConcurrentExecutions for function decreases account's \
                   UnreservedConcurrentExecution below its minimum value of [10].";
    let refused =
        json!({"error": {"status": 400, "code": "InvalidParameterValueException", "message": message}});
    account.break_step(Step::Restore, "lambda", "PutFunctionConcurrency", -1, refused).await;
    let failed = account.teardown(json!({})).await;
    failed.assert_red(Outcome::Failed, &["backing the table up"]);
    assert!(!failed.reason().contains("restoring failed"), "{failed:#?}");
    assert_eq!(account.concurrency().await, None);
    assert!(failed.keeps("reserved concurrency of 7") && failed.keeps("below its minimum"), "{failed:#?}");
    account.assert_intact("CREATE_COMPLETE").await;
}

/// `CreateBackup` promises what was written more than a minute before. Waits last a hundredth here, so the time is read from
/// what the run carries.
#[tokio::test]
async fn a_backup_is_begun_more_than_a_minute_after_the_last_writer_can_have_written() {
    const TIME_OUT_MILLIS: f64 = 2_000.0;
    let account = Account::new().await;
    let run = account.start(json!({})).await;
    run.end().await.assert_green(Outcome::Deleted);
    let frozen = run.entered(State::Freeze).await.0;
    let (at, input) = run.entered(State::WaitSettled).await;
    let from = input["backupFrom"].as_f64().unwrap();
    assert!(from >= frozen + TIME_OUT_MILLIS + 75_000.0, "{from} is too soon after {frozen}");
    assert!(from <= at + TIME_OUT_MILLIS + 75_000.0, "{from} is later than needed at {at}");

    let account = Account::new().await;
    let run = account.start(json!({"backup": false})).await;
    run.end().await.assert_green(Outcome::Deleted);
    assert_eq!(run.entered(State::WaitSettled).await.1["backupFrom"], 0, "nothing to wait for");
}

// --- Services answer late ---

/// S3, IAM and CloudWatch Logs show a deleted thing for some seconds.
#[tokio::test]
async fn what_is_still_shown_after_the_deletion_is_looked_at_again() {
    let account = Account::new().await;
    let bucket = account.thing("AWS::S3::Bucket", "AuditFailures").physical.clone();
    // Holds the second sweep: time to set the scene. And Prove's looks take their time.
    account.hold_second_sweep().await;
    account.break_step(Step::Prove, "s3", "HeadBucket", -1, json!({"delayMs": 500})).await;
    let run = account.start(json!({})).await;
    run.reaches(State::WaitSwept).await;
    account.aws.rest("s3", "PUT", &format!("/{bucket}"), Vec::new()).await.done();
    run.reaches(State::WaitProven).await;
    account.aws.delete("s3", &format!("/{bucket}")).await.done();
    let end = run.end().await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.fate(&bucket), FoundFate::Absent);
}

#[tokio::test]
async fn what_stays_is_told_after_a_few_looks() {
    let account = Account::new().await;
    // Holds the second sweep, as above.
    account.hold_second_sweep().await;
    let run = account.start(json!({})).await;
    run.reaches(State::WaitSwept).await;
    let role = account.thing("AWS::IAM::Role", "TaskApi").physical.clone();
    account.make_role(&role, "lambda.amazonaws.com").await;
    let end = run.end().await;
    end.assert_red(Outcome::Unproven, &[]);
    assert_eq!(end.times(State::Prove), 5);
    assert_eq!(end.report.unproven, [Noted::resource("AWS::IAM::Role", &role, "still there")]);
}

/// CloudFormation in Express mode says `DELETE_COMPLETE` before. The emulator shows a deleted table as DELETING once at least.
#[tokio::test]
async fn a_table_that_is_being_deleted_is_waited_for() {
    let account = Account::new().await;
    let table = account.thing("AWS::DynamoDB::Table", "TasksTable").physical.clone();
    // Holds the second sweep, as where a late log group is swept.
    account.hold_second_sweep().await;
    let run = account.start(json!({"backup": false})).await;
    run.reaches(State::WaitSwept).await;
    let key = json!([{"AttributeName": "id", "KeyType": "HASH"}]);
    let create = json!({"TableName": table, "BillingMode": "PAY_PER_REQUEST", "KeySchema": key,
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]});
    account.aws.dynamodb("CreateTable", create).await.done();
    account.aws.dynamodb("DeleteTable", json!({"TableName": table})).await.done();
    let end = run.end().await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(account.aws.faults_hit().await, 1);
    assert!(end.entered(State::WaitProven), "{end:#?}");
    assert_eq!(end.fate(&table), FoundFate::Absent);
}

// --- CloudFormation answers late ---

#[tokio::test]
async fn a_status_from_before_the_deletion_is_no_refusal() {
    let account = Account::new().await;
    account.break_handler("AWS::CloudFormation::Stack", 1, json!({"delayMs": 9_000})).await;
    // Watch's first two looks, after those of Resolve, Stabilise, Preflight, Freeze and Unprotect: time to set the scene.
    account.break_step(Step::Watch, "cloudformation", "DescribeStacks", 2, json!({"delayMs": 3_000})).await;
    let run = account.start(json!({})).await;
    account.struck(2).await;
    account.put_stack(json!({"status": "UPDATE_COMPLETE"})).await;
    run.reaches(State::WaitDeleted).await;
    account.put_stack(json!({"status": "DELETE_IN_PROGRESS"})).await;
    let end = run.end().await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.times(State::Delete), 1, "asked for once");
    account.assert_gone().await;
}

#[tokio::test]
async fn a_deletion_that_cloudformation_never_heard_of_is_asked_for_again() {
    let account = Account::new().await;
    let broken = json!({"error": {"status": 500, "code": "InternalFailure", "message": "We are sorry"}});
    // As often as the SDK tries.
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", 3, broken).await;
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.times(State::Delete), 2);
    assert_eq!(account.deletions().await, 1);
    account.assert_gone().await;
}

// --- The way from the table to the audit log is broken ---

#[tokio::test]
async fn a_broken_way_to_the_audit_log_is_told_as_unproven_once() {
    stream::iter(["stream", "consumer", "log"])
        .map(async |link| {
            let account = Account::new().await;
            match link {
                "stream" => account.switch_stream_off().await,
                "consumer" => {
                    account.delete_by_hand(account.thing("AWS::Lambda::Function", "Audit")).await;
                }
                _ => {
                    account.delete_by_hand(account.thing("AWS::Logs::LogGroup", "AuditLog")).await;
                }
            }
            let end = account.teardown(json!({})).await;
            end.assert_red(Outcome::Unproven, &[]);
            let unproven = &end.report.unproven;
            assert_eq!(unproven.len(), 1, "{link}: {unproven:#?}");
            assert_eq!(unproven[0].kind, Noted::COMPLETENESS);
            let again = account.teardown(json!({})).await;
            assert_eq!(again.status, "SUCCEEDED", "{link}: {again:#?}");
        })
        .buffer_unordered(3)
        .collect::<()>()
        .await;
}

#[tokio::test]
async fn what_could_not_be_drained_is_told_by_the_run_after_one_that_was_stopped() {
    let account = Account::new().await;
    account.delete_by_hand(account.thing("AWS::Lambda::Function", "Audit")).await;
    account.break_step(Step::Sweep, "logs", "DescribeLogGroups", 1, json!({"delayMs": 2_000})).await;
    let run = account.start(json!({})).await;
    run.reaches(State::Sweep).await;
    account.struck(1).await;
    run.stop().await;
    let end = account.teardown(json!({})).await;
    end.assert_red(Outcome::Unproven, &[]);
    assert_eq!(end.report.unproven[0].kind, Noted::COMPLETENESS);
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
}

/// The log of a year is long.
#[tokio::test]
async fn the_audit_log_is_searched_from_the_drain_on_alone() {
    let account = Account::new().await;
    let rule = json!({"service": "logs", "action": "FilterLogEvents", "caller": account.step(), "match": "startTime",
        "times": -1, "effect": {"delayMs": 1}});
    account.aws.admin("faults", rule).await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    let calls = account.aws.calls_of(&account.step()).await;
    let searches = calls.iter().filter(|(_, action, _)| action == "FilterLogEvents").count();
    assert_eq!(account.aws.faults_hit().await, searches as u64);
    assert!(searches > 0);
}

/// The whole account may search five times a second.
#[tokio::test]
async fn the_audit_log_is_searched_at_most_once_a_second() {
    let account = Account::new().await;
    // A consumer that lags by seconds.
    let audit = account.outputs["AuditFunction"].clone();
    account.break_function(&audit, "logs", "PutLogEvents", 1, json!({"delayMs": 3_000})).await;
    let run = account.start(json!({})).await;
    run.end().await.assert_green(Outcome::Deleted);
    let calls = account.aws.calls_of(&account.step()).await;
    let searches = calls.iter().filter(|(_, action, _)| action == "FilterLogEvents").count();
    let (began, ended) = (run.entered(State::Drain).await.0, run.entered(State::WaitSettled).await.0);
    // One at once for each time that the step is called.
    let drains = run.states().await.iter().filter(|state| **state == State::Drain).count();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let most = (ended - began) / 1_000.0 + drains as f64;
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let searches = searches as f64;
    assert!(searches > 2.0 && searches <= most, "{searches} searches in {} ms", ended - began);
}
