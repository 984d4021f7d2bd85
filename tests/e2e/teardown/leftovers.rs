//! Resources that a deletion leaves behind, or must leave alone.

use contract::{FoundFate, Noted, Outcome, PlannedFate, State, Step};
use serde_json::{Value, json};

use super::{
    account::{Account, LOG, SEAL},
    run::End,
};

#[tokio::test]
async fn a_bucket_with_versions_and_delete_markers_is_emptied_with_consent_only() {
    let account = Account::new().await;
    let bucket = account.thing("AWS::S3::Bucket", "AuditFailures").clone();
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let path = format!("/{}", bucket.physical);
    account.aws.rest("s3", "PUT", &format!("{path}?versioning"), versioning.into()).await.done();
    for version in ["one", "two"] {
        account.aws.rest("s3", "PUT", &format!("{path}/discarded"), version.into()).await.done();
    }
    account.aws.delete("s3", &format!("{path}/discarded")).await.done();
    let versions = async || account.aws.get("s3", &format!("{path}?versions")).await.found();
    let failed = account.teardown(json!({})).await;
    failed.assert_red(Outcome::Refused, &[&bucket.physical, "not empty", "emptyBuckets"]);
    assert_eq!(versions().await.unwrap().matches("<VersionId>").count(), 3, "all of it is there");

    account.teardown(json!({"emptyBuckets": true})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

#[tokio::test]
async fn what_is_absent_although_its_delete_handler_fails_is_retained_with_proof() {
    let account = Account::new().await;
    account.break_handler("AWS::Lambda::EventSourceMapping", -1, json!({"dropAnswer": true})).await;
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    assert!(end.entered(State::Remedy), "{end:#?}");
    assert_eq!(account.deletions().await, 2);
    let mapping = account.thing("AWS::Lambda::EventSourceMapping", "");
    assert_eq!(end.fate(&mapping.physical), FoundFate::Absent);
    account.assert_gone().await;
}

#[tokio::test]
async fn what_is_there_when_its_delete_handler_fails_is_not_retained() {
    let account = Account::new().await;
    let failure = json!({"error": {"status": 500, "code": "ServiceInternalError", "message": "it stays"}});
    account.break_handler("AWS::Lambda::EventSourceMapping", -1, failure).await;
    let mapping = account.thing("AWS::Lambda::EventSourceMapping", "").clone();
    account.teardown(json!({})).await.assert_red(Outcome::Failed, &[&mapping.logical, "it stays"]);
    assert_eq!(account.stack_status().await, "DELETE_FAILED");
    assert!(account.is_there(&mapping).await);
}

#[tokio::test]
async fn a_log_group_that_a_late_function_makes_again_is_swept() {
    let account = Account::new().await;
    // Holds the second sweep at its first look, which follows four of the inventory, those of Preflight, Drain and Unprotect, and
    // four of the first sweep.
    account.hold_second_sweep().await;
    let run = account.start(json!({})).await;
    run.reaches(State::WaitSwept).await;
    let function = account.thing("AWS::Lambda::Function", "TaskApi");
    let late = [
        &account.thing("AWS::Logs::LogGroup", "TaskApi").physical,
        &format!("/aws/lambda/{}", function.physical),
    ];
    for group in late {
        account.aws.logs("CreateLogGroup", json!({"logGroupName": group})).await.done();
    }
    run.end().await.assert_green(Outcome::Deleted);
    assert_eq!(account.aws.faults_hit().await, 1);
    for group in late {
        assert_eq!(account.log_groups(group).await, Vec::<String>::new());
    }
    account.assert_gone().await;
}

/// API Gateway writes the logs of every other API of the account with it.
#[tokio::test]
async fn the_accounts_log_role_is_untouched() {
    let account = Account::new().await;
    let arn = account.api_account_role().await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    assert_eq!(account.api_account_role().await, arn);
    let name = arn.rsplit('/').next().unwrap();
    assert!(account.aws.iam("GetRole", &[("RoleName", name)]).await.found().is_some());
    account.assert_gone().await;
}

/// An earlier version of the service was deployed like this: the setting and its role were in the stack, and retained.
#[tokio::test]
async fn an_account_role_that_an_older_stack_retains_stays_with_a_reason() {
    let account = Account::of_an_older_version().await;
    let before = account.api_account_role().await;
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    let role = account.thing("AWS::IAM::Role", "ApiCloudWatchRole");
    assert!(account.is_there(role).await);
    assert_eq!(account.api_account_role().await, before);
    for logical in ["ApiCloudWatchRole", "ApiAccount"] {
        let entry = end.found().iter().find(|entry| entry.logical_id == logical).unwrap();
        assert_eq!(entry.fate, FoundFate::Kept, "{entry:?}");
        assert!(entry.why.contains("whole account"), "{entry:?}");
    }
    account.assert_gone_but(&[&["ApiCloudWatchRole"], &LOG[..], &SEAL[..]].concat()).await;
}

/// An operator who wants nothing kept has point-in-time recovery switched off first.
#[tokio::test]
async fn the_backup_that_dynamodb_makes_of_a_deleted_table_is_planned_and_reported() {
    let account = Account::new().await;
    let table = account.thing("AWS::DynamoDB::Table", "TasksTable").physical.clone();
    let planned = account.teardown(json!({"dryRun": true})).await;
    planned.assert_green(Outcome::Planned);
    let backup = format!("{table}$DeletedTableBackup");
    let fate = |end: &End| {
        let entry = end.planned().iter().find(|entry| entry.physical_id == backup);
        entry.map(|entry| entry.fate)
    };
    assert_eq!(fate(&planned), Some(PlannedFate::Keep));
    let without = account.teardown(json!({"dryRun": true, "systemBackup": false})).await;
    assert_eq!(fate(&without), None);
    assert_ne!(planned.report.plan_hash, without.report.plan_hash);

    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.fate(&backup), FoundFate::Kept);
    let made = account.backups_of_type("SYSTEM").await;
    assert_eq!(made.len(), 1);
    let (kept, arn) = (&end.report.kept, made[0]["BackupArn"].as_str().unwrap());
    let noted = kept.iter().find(|noted| noted.is_about(Noted::BACKUP, arn));
    let noted = noted.unwrap_or_else(|| panic!("{kept:#?}"));
    assert!(noted.why.contains("35 days"), "{noted:?}");
}

#[tokio::test]
async fn recovery_that_was_switched_off_for_a_deletion_that_failed_is_on_again() {
    let account = Account::new().await;
    let denied = json!({"error": {"status": 403, "code": "AccessDenied", "message": "a test"}});
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", 1, denied).await;
    account.teardown(json!({"systemBackup": false})).await.assert_red(Outcome::Failed, &["AccessDenied"]);
    assert!(account.table_is_recoverable().await);
    account.assert_intact("CREATE_COMPLETE").await;

    account.teardown(json!({"systemBackup": false})).await.assert_green(Outcome::Deleted);
    assert_eq!(account.backups_of_type("SYSTEM").await, Vec::<Value>::new());
}

/// CloudFormation refuses to retain what is deleted already: here what the first round left out.
#[tokio::test]
async fn what_an_earlier_round_left_out_is_not_named_again() {
    let account = Account::new().await;
    // The function is what the mapping depends on, so that its own deletion is tried in the second round alone.
    for kind in ["AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function"] {
        let rule = json!({"service": "cloudformation-handler", "action": kind, "match": "\"AuditConsumer",
            "times": 1, "effect": {"dropAnswer": true}});
        let mapping = json!({"service": "cloudformation-handler", "action": kind, "times": 1,
            "effect": {"dropAnswer": true}});
        let is_function = kind == "AWS::Lambda::Function";
        account.aws.admin("faults", if is_function { rule } else { mapping }).await;
    }
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.times(State::Remedy), 2, "{end:#?}");
    account.assert_gone().await;
}

/// It is the log group of a stage that someone added to the API: the step function's role names the stack's own stage.
#[tokio::test]
async fn a_log_group_that_may_not_be_deleted_is_unproven_with_the_reason_and_all_else_is_proven() {
    let account = Account::new().await;
    let api = account.outputs["ApiId"].clone();
    let group = format!("API-Gateway-Execution-Logs_{api}/by-hand");
    account.aws.logs("CreateLogGroup", json!({"logGroupName": group})).await.done();
    let end = account.teardown(json!({})).await;
    end.assert_red(Outcome::Unproven, &["not everything could be shown absent"]);
    let unproven = &end.report.unproven;
    assert_eq!(unproven.len(), 1, "{unproven:#?}");
    assert!(unproven[0].is_about("AWS::Logs::LogGroup", &group), "{unproven:#?}");
    assert!(unproven[0].why.contains("logs:DeleteLogGroup"), "{unproven:#?}");
    account.assert_gone().await;

    account.aws.logs("DeleteLogGroup", json!({"logGroupName": group})).await.done();
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
}
