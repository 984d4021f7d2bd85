//! Changes that never reached the audit log are not destroyed under a consent that does not name them.

use contract::{Outcome, State, Step};
use serde_json::json;

use super::{
    account::{Account, SEAL},
    run::End,
};

fn emptied(end: &End, words: &str) -> bool {
    end.report.emptied.iter().any(|noted| noted.why.contains(words))
}

#[tokio::test]
async fn what_lands_in_the_failure_bucket_after_the_plan_is_refused_and_the_next_consent_names_it() {
    let account = Account::new().await;
    account.fill_bucket().await;
    let run = account.start(json!({"approval": true, "emptyBuckets": true})).await;
    run.reaches(State::Approve).await;
    account.discard("late").await;
    run.approve().await;
    let refused = run.end().await;
    refused.assert_red(Outcome::Refused, &["went astray since the plan", "2 objects", "late"]);
    assert!(refused.entered(State::Drain) && !refused.entered(State::Backup), "{refused:#?}");
    let restored = refused.report.restored.clone().unwrap();
    assert!(restored.complete && restored.what == "traffic and protections are back", "{restored:?}");
    assert_eq!(refused.report.emptied, []);
    account.assert_intact("CREATE_COMPLETE").await;

    let end = account.teardown(json!({"emptyBuckets": true})).await;
    end.assert_green(Outcome::Deleted);
    assert!(emptied(&end, "2 objects, the newest late, discarded"), "{end:#?}");
    account.assert_gone().await;
}

/// Without consent, the half of the stack would be gone when CloudFormation comes to the bucket.
#[tokio::test]
async fn what_lands_in_an_empty_failure_bucket_while_the_table_is_backed_up_is_refused() {
    let account = Account::new().await;
    account.break_step(Step::Backup, "dynamodb", "CreateBackup", 1, json!({"delayMs": 2_000})).await;
    let run = account.start(json!({})).await;
    run.reaches(State::Backup).await;
    account.discard("late").await;
    run.end().await.assert_red(Outcome::Refused, &["went astray since the plan", "1 object,"]);
    assert_eq!(account.deletions().await, 0);
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn a_record_in_quarantine_outlives_the_stack_with_the_audit_log_and_goes_with_consent_only() {
    let account = Account::new().await;
    let group = account.outputs["QuarantineLogGroup"].clone();
    account.quarantine("4711").await;
    let refused = account.teardown(json!({"keepAuditLog": false, "overrideLogProtection": true})).await;
    refused.assert_red(Outcome::Refused, &[&group, "1 record, the newest 4711", "emptyBuckets"]);
    assert!(!refused.entered(State::Freeze), "{refused:#?}");
    let restored = refused.report.restored.clone().unwrap();
    assert_eq!((restored.complete, restored.what.as_str()), (true, "nothing had been stopped or lifted"));

    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    assert!(end.keeps("1 record, the newest 4711; they are not in the audit log"), "{end:#?}");
    account.assert_gone().await;
    assert_eq!(account.log(&group).await.len(), 1);

    let account = Account::new().await;
    account.quarantine("4712").await;
    let consents = json!({"keepAuditLog": false, "overrideLogProtection": true, "emptyBuckets": true});
    let end = account.teardown(consents).await;
    end.assert_green(Outcome::Deleted);
    assert!(emptied(&end, "1 record, the newest 4712"), "{end:#?}");
    account.assert_gone_but(&SEAL).await;
}

#[tokio::test]
async fn a_bucket_is_not_emptied_while_another_resource_keeps_the_stack_from_being_deleted() {
    let account = Account::new().await;
    account.fill_bucket().await;
    let failure =
        json!({"error": {"status": 500, "code": "ServiceInternalError", "message": "the table stays"}});
    account.break_handler("AWS::DynamoDB::Table", -1, failure).await;
    let failed = account.teardown(json!({"emptyBuckets": true})).await;
    failed.assert_red(Outcome::Failed, &["the table stays"]);
    assert!(failed.entered(State::Remedy), "{failed:#?}");
    assert_eq!(failed.report.emptied, []);
    let bucket = &account.thing("AWS::S3::Bucket", "AuditFailures").physical;
    assert!(account.aws.get("s3", &format!("/{bucket}/discarded")).await.found().is_some());

    account.aws.lift_faults().await;
    account.teardown(json!({"emptyBuckets": true})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}
