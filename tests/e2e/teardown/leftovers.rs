//! What a deletion leaves behind, or must leave alone.

use serde_json::json;

use super::account::Account;

#[tokio::test]
async fn fault_19_a_bucket_with_versions_and_delete_markers_is_emptied_with_consent_only() {
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
    failed.assert_red("refused", &[&bucket.physical, "not empty", "emptyBuckets"]);
    assert_eq!(versions().await.unwrap().matches("<VersionId>").count(), 3, "all of it is there");

    account.teardown(json!({"emptyBuckets": true})).await.assert_green("deleted");
    account.assert_gone().await;
}

#[tokio::test]
async fn fault_20_what_is_absent_although_its_delete_handler_fails_is_retained_with_proof() {
    let account = Account::new().await;
    account.break_handler("AWS::Lambda::EventSourceMapping", -1, json!({"dropAnswer": true})).await;
    let end = account.teardown(json!({})).await;
    end.assert_green("deleted");
    assert!(end.entered("Remedy"), "{end:#?}");
    assert_eq!(account.deletions().await, 2);
    let mapping = account.thing("AWS::Lambda::EventSourceMapping", "");
    assert_eq!(end.fates(&mapping.kind), [(mapping.physical.as_str(), "absent")]);
    account.assert_gone().await;
}

#[tokio::test]
async fn fault_20_what_is_there_when_its_delete_handler_fails_is_not_retained() {
    let account = Account::new().await;
    let failure = json!({"error": {"status": 500, "code": "ServiceInternalError", "message": "it stays"}});
    account.break_handler("AWS::Lambda::EventSourceMapping", -1, failure).await;
    let mapping = account.thing("AWS::Lambda::EventSourceMapping", "").clone();
    account.teardown(json!({})).await.assert_red("failed", &[&mapping.logical, "it stays"]);
    assert_eq!(account.stack_status().await, "DELETE_FAILED");
    assert!(account.is_there(&mapping).await);
}

#[tokio::test]
async fn fault_21_a_log_group_that_a_late_function_makes_again_is_swept() {
    let account = Account::new().await;
    // Holds the second sweep at its first look, which follows four of the inventory and four of the first sweep.
    account.break_step("logs", "DescribeLogGroups", 9, 1, json!({"delayMs": 3_000})).await;
    let run = account.start(json!({})).await;
    run.reaches("WaitSwept").await;
    let function = account.thing("AWS::Lambda::Function", "TaskApi");
    let late = [
        &account.thing("AWS::Logs::LogGroup", "TaskApi").physical,
        &format!("/aws/lambda/{}", function.physical),
    ];
    for group in late {
        account.aws.logs("CreateLogGroup", json!({"logGroupName": group})).await.done();
    }
    run.end().await.assert_green("deleted");
    assert_eq!(account.aws.faults_hit().await, 1);
    for group in late {
        assert_eq!(account.log_groups(group).await, Vec::<String>::new());
    }
    account.assert_gone().await;
}

/// API Gateway writes the logs of every other API of the account with it.
#[tokio::test]
async fn fault_22_the_accounts_log_role_is_untouched() {
    let account = Account::new().await;
    let arn = account.api_account_role().await;
    account.teardown(json!({})).await.assert_green("deleted");
    assert_eq!(account.api_account_role().await, arn);
    let name = arn.rsplit('/').next().unwrap();
    assert!(account.aws.iam("GetRole", &[("RoleName", name)]).await.found().is_some());
    account.assert_gone().await;
}

/// As the log group of a stage that somebody added to the API: the step function's role names the stack's own stage.
#[tokio::test]
async fn a_log_group_that_may_not_be_deleted_is_unproven_with_the_reason_and_all_else_is_proven() {
    let account = Account::new().await;
    let api = account.outputs["ApiId"].clone();
    let group = format!("API-Gateway-Execution-Logs_{api}/by-hand");
    account.aws.logs("CreateLogGroup", json!({"logGroupName": group})).await.done();
    let denied =
        json!({"error": {"status": 400, "code": "AccessDeniedException", "message": "not this stage"}});
    let rule = json!({"service": "logs", "action": "DeleteLogGroup", "caller": account.step(), "match": "by-hand",
        "times": -1, "effect": denied});
    account.aws.admin("faults", rule).await;
    let end = account.teardown(json!({})).await;
    end.assert_red("unproven", &["not everything could be shown absent"]);
    let unproven = end.report["unproven"].as_array().unwrap();
    assert_eq!(unproven.len(), 1, "{unproven:#?}");
    assert_eq!(unproven[0]["what"], format!("AWS::Logs::LogGroup {group}"));
    assert!(unproven[0]["why"].as_str().unwrap().contains("not this stage"), "{unproven:#?}");
    account.assert_gone().await;

    account.aws.mend().await;
    account.teardown(json!({})).await.assert_green("deleted");
    assert_eq!(account.log_groups(&group).await, Vec::<String>::new());
}
