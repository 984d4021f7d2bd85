//! Obstacles are named, and everything stays as it was.

use std::collections::BTreeSet;

use contract::{Consent, Outcome, State, Step};
use serde_json::{Value, json};

use super::{
    account::{Account, SEAL},
    assembly::Assembly,
    deployment::create_stack,
};

/// A stack that imports the service's table name.
async fn import(account: &Account) -> String {
    let topic =
        json!({"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": "tasks-table"}}});
    let template = json!({"Resources": {"Topic": topic}});
    let importer = Assembly { stack: "importer".to_owned(), template, tags: Vec::new(), assets: Vec::new() };
    create_stack(&account.aws, &importer, "importer", None).await
}

fn export(template: &mut Value) {
    template["Outputs"]["TableName"]["Export"] = json!({"Name": "tasks-table"});
}

#[tokio::test]
async fn an_export_in_use_is_refused_with_the_importers_name() {
    let account = Account::with(export).await;
    import(&account).await;
    let refused = account.teardown(json!({})).await;
    refused.assert_red(Outcome::Refused, &["tasks-table", "importer"]);
    assert!(!refused.entered(State::Freeze), "{refused:#?}");
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn an_import_that_comes_after_the_plan_is_refused_and_protection_and_traffic_are_restored() {
    let account = Account::with(export).await;
    account.protect_table().await;
    account.put_stack(json!({"protected": true})).await;
    account.reserve_concurrency(7).await;
    let consents = json!({"approval": true, "deleteData": true, "overrideTerminationProtection": true});
    let run = account.start(consents).await;
    run.reaches(State::Approve).await;
    import(&account).await;
    run.approve().await;
    let failed = run.end().await;
    failed.assert_red(Outcome::Failed, &["tasks-table", "importer"]);
    assert!(failed.entered(State::Restore), "{failed:#?}");
    assert!(account.table_is_protected().await && account.termination_is_protected().await);
    assert_eq!(account.concurrency().await, Some(7));
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn termination_protection_is_refused_without_consent_and_lifted_with_it() {
    let account = Account::new().await;
    account.put_stack(json!({"protected": true})).await;
    let refused = account.teardown(json!({})).await;
    refused.assert_red(Outcome::Refused, &["termination protection", "overrideTerminationProtection"]);
    assert!(!refused.entered(State::Freeze), "{refused:#?}");
    assert!(account.termination_is_protected().await);
    account.assert_intact("CREATE_COMPLETE").await;

    account.teardown(json!({"overrideTerminationProtection": true})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

#[tokio::test]
async fn a_failed_delete_leaves_the_table_protected_again() {
    let account = Account::new().await;
    account.protect_table().await;
    account.teardown(json!({})).await.assert_red(Outcome::Refused, &["deletion protection", "deleteData"]);
    assert!(account.table_is_protected().await);
    account.assert_intact("CREATE_COMPLETE").await;

    let failure =
        json!({"error": {"status": 500, "code": "ServiceInternalError", "message": "the table stays"}});
    account.break_handler("AWS::DynamoDB::Table", 1, failure).await;
    let failed = account.teardown(json!({"deleteData": true})).await;
    failed.assert_red(Outcome::Failed, &["AWS::DynamoDB::Table", "the table stays"]);
    assert!(account.table_is_protected().await);
    assert_eq!(account.stack_status().await, "DELETE_FAILED");

    account.teardown(json!({"deleteData": true})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

/// Makes a template's user pool protected from deletion.
pub fn protect_user_pool(template: &mut Value) {
    let mut resources = template["Resources"].as_object_mut().unwrap().values_mut();
    let pool = resources.find(|resource| resource["Type"] == "AWS::Cognito::UserPool").unwrap();
    pool["Properties"]["DeletionProtection"] = json!("ACTIVE");
}

/// Cognito sets what an update does not name to its default, so this shows more than the protection.
#[tokio::test]
async fn a_failed_delete_leaves_the_user_pool_protected_again_and_set_as_it_was() {
    let account = Account::with(protect_user_pool).await;
    let mut before = account.user_pool().await.unwrap();
    assert_eq!(before["AdminCreateUserConfig"], json!({"AllowAdminCreateUserOnly": true}));
    account.teardown(json!({})).await.assert_red(Outcome::Refused, &["the user pool", "deleteData"]);
    assert_eq!(account.user_pool().await.unwrap(), before);

    let denied = json!({"error": {"status": 403, "code": "AccessDenied", "message": "not now"}});
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", 1, denied).await;
    let failed = account.teardown(json!({"deleteData": true})).await;
    failed.assert_red(Outcome::Failed, &["AccessDenied"]);
    let mut after = account.user_pool().await.unwrap();
    let changed = [&mut before, &mut after].map(|pool| pool["LastModifiedDate"].take());
    assert_ne!(changed[0], changed[1], "it was lifted meanwhile");
    assert_eq!(after, before);
    account.assert_intact("CREATE_COMPLETE").await;

    account.teardown(json!({"deleteData": true})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
    assert_eq!(account.user_pool().await, None);
}

/// Termination protection lifted by an execution that was stopped is not lifted for a run without consent.
#[tokio::test]
async fn a_stopped_runs_consent_is_not_the_next_ones() {
    let account = Account::new().await;
    account.protect_table().await;
    account.put_stack(json!({"protected": true})).await;
    let denied = json!({"status": 403, "code": "AccessDenied", "message": "not now"});
    account
        .break_step(
            Step::Delete,
            "cloudformation",
            "DeleteStack",
            1,
            json!({"delayMs": 600, "error": denied}),
        )
        .await;
    let run = account.start(json!({"deleteData": true, "overrideTerminationProtection": true})).await;
    run.reaches(State::Delete).await;
    account.struck(1).await;
    run.stop().await;
    assert!(!account.termination_is_protected().await && !account.table_is_protected().await);

    let refused = account.teardown(json!({})).await;
    refused.assert_red(Outcome::Refused, &["overrideTerminationProtection", "deleteData"]);
    assert!(account.table_is_protected().await && account.termination_is_protected().await);
    account.assert_intact("CREATE_COMPLETE").await;
}

/// Only where it is to go: a protected audit log that stays is nobody's blocker.
#[tokio::test]
async fn a_protected_audit_log_that_is_to_go_is_refused_without_consent_and_protected_again_after_a_failure()
{
    let account = Account::new().await;
    assert!(account.audit_log_is_protected().await);
    let planned = account.teardown(json!({"dryRun": true})).await;
    assert_eq!(planned.report.blockers, [""; 0]);
    let planned = account.teardown(json!({"dryRun": true, "keepAuditLog": false})).await;
    planned.assert_green(Outcome::Planned);
    assert!(planned.report.blockers[0].contains("deletion protection"), "{planned:#?}");
    assert_eq!(planned.report.consents, Some([Consent::OverrideLogProtection].into()));

    let refused = account.teardown(json!({"keepAuditLog": false})).await;
    refused.assert_red(Outcome::Refused, &[&account.outputs["AuditLogGroup"], "overrideLogProtection"]);
    assert!(!refused.entered(State::Freeze), "{refused:#?}");

    let consents = json!({"keepAuditLog": false, "overrideLogProtection": true});
    let denied = json!({"error": {"status": 403, "code": "AccessDenied", "message": "a test"}});
    account.break_step(Step::Delete, "cloudformation", "DeleteStack", 1, denied).await;
    account.teardown(consents.clone()).await.assert_red(Outcome::Failed, &["AccessDenied"]);
    assert!(account.audit_log_is_protected().await);
    account.assert_intact("CREATE_COMPLETE").await;

    account.teardown(consents).await.assert_green(Outcome::Deleted);
    account.assert_gone_but(&SEAL).await;
}

/// The stack is gone, and its audit log was kept: a later run may still remove it, and the quarantine.
#[tokio::test]
async fn a_protected_audit_log_is_removed_after_its_stack_with_consent_only() {
    let account = Account::new().await;
    account.quarantine("4713").await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    let end = account.teardown(json!({"keepAuditLog": false})).await;
    end.assert_red(Outcome::Unproven, &[]);
    let needed: BTreeSet<_> = end.report.unproven.iter().filter_map(|noted| noted.consent).collect();
    assert_eq!(needed, [Consent::EmptyBuckets, Consent::OverrideLogProtection].into(), "{end:#?}");
    account.assert_gone().await;

    let consents = json!({"keepAuditLog": false, "overrideLogProtection": true, "emptyBuckets": true});
    assert_eq!(account.teardown(consents).await.status, "SUCCEEDED");
    account.assert_gone_but(&SEAL).await;
}

/// Also of a group that CloudFormation deletes: it would fail on it half-way.
#[tokio::test]
async fn any_log_group_of_the_stack_that_somebody_protected_is_a_blocker() {
    let account = Account::new().await;
    let group = account.thing("AWS::Logs::LogGroup", "TaskApi").physical.clone();
    account.protect_log_group(&group, true).await;
    account.teardown(json!({})).await.assert_red(Outcome::Refused, &[&group, "overrideLogProtection"]);
    account.teardown(json!({"overrideLogProtection": true})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
    assert!(account.audit_log_is_protected().await, "the audit log stays as it was");
}

#[tokio::test]
async fn an_input_that_is_not_understood_touches_nothing() {
    let account = Account::new().await;
    let teardown = &account.names.teardown;
    for (input, words) in [
        (json!({"confirm": "tasks-prod"}), "confirm does not say"),
        (json!({"confirm": null}), "confirm is missing"),
        (json!({"emptyBucket": true}), "unknown field `emptyBucket`"),
        (json!({"stack": teardown, "confirm": teardown}), "never torn down"),
        (json!({"planHash": "0"}), "the plan is now"),
    ] {
        let refused = account.teardown(input).await;
        refused.assert_red(Outcome::Refused, &[words]);
        assert!(!refused.entered(State::Freeze), "{refused:#?}");
    }
    account.assert_intact("CREATE_COMPLETE").await;
}
